import pytest
import torch
from mmseg.registry import MODELS

from mmseg_labelfree.models.losses import (
    KnowledgeDistillationLoss,
    UnbiasedKnowledgeDistillationLoss,
)
from mmseg_labelfree.ops import incremental

PAIRS = [
    (KnowledgeDistillationLoss, incremental.knowledge_distillation, 'loss_kd'),
    (
        UnbiasedKnowledgeDistillationLoss,
        incremental.unbiased_knowledge_distillation,
        'loss_unbiased_kd',
    ),
]


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    student = torch.randn(2, 6, 5, 7, generator=generator)
    teacher = torch.randn(2, 4, 5, 7, generator=generator)
    return student.requires_grad_(), teacher


@pytest.mark.parametrize('loss_class, function, name', PAIRS)
def test_settings_reach_the_function(batch, loss_class, function, name):
    loss = MODELS.build(
        dict(type=loss_class.__name__, alpha=2.0, class_average=False, loss_weight=10.0)
    )
    assert type(loss) is loss_class
    assert loss.loss_name == name
    assert 'alpha=2.0, class_average=False, loss_weight=10.0' in repr(loss)
    want = 10 * function(*batch, 2.0, False).mean()
    torch.testing.assert_close(loss(*batch), want)


@pytest.mark.parametrize('loss_class, function, name', PAIRS)
def test_class_average_divides_by_the_teachers_classes(
    batch, loss_class, function, name
):
    average, plain = loss_class()(*batch), loss_class(class_average=False)(*batch)
    torch.testing.assert_close(average, plain / 4)
    assert loss_class(loss_name='loss_other').loss_name == 'loss_other'


@pytest.mark.parametrize('loss_class, function, name', PAIRS)
def test_mask_multiplies_pixels_and_leaves_the_denominator(
    batch, loss_class, function, name
):
    student, _ = batch
    mask = torch.zeros(2, 5, 7, dtype=torch.bool)
    mask[0, 1] = True
    loss = loss_class()(*batch, mask=mask)
    torch.testing.assert_close(loss, function(*batch)[0, 1].sum() / 70)
    torch.testing.assert_close(loss_class()(*batch, mask=mask.float()), loss)
    (grad,) = torch.autograd.grad(loss, student)
    assert torch.equal((grad != 0).any(1), mask)
    none = loss_class()(*batch, mask=torch.zeros_like(mask))
    (grad,) = torch.autograd.grad(none, student)
    assert none == 0
    assert (grad == 0).all()


def test_unbiased_prefers_moving_background_to_new_classes(batch):
    """New classes may take what the teacher called background, at no cost."""
    _, teacher = batch
    low = torch.full((2, 2, 5, 7), -1e4)
    before = torch.cat([teacher, low], 1)
    after = torch.cat([low[:, :1], teacher[:, 1:], teacher[:, :1], low[:, :1]], 1)
    unbiased, plain = UnbiasedKnowledgeDistillationLoss(), KnowledgeDistillationLoss()
    torch.testing.assert_close(unbiased(after, teacher), unbiased(before, teacher))
    torch.testing.assert_close(plain(before, teacher), unbiased(before, teacher))
    assert plain(after, teacher) > 100


@pytest.mark.parametrize('loss_class, function, name', PAIRS)
def test_bad_input_is_named(batch, loss_class, function, name):
    student, teacher = batch
    with pytest.raises(ValueError, match='alpha must be positive, got -1'):
        loss_class(alpha=-1)
    with pytest.raises(ValueError, match="'loss_', got 'kd'"):
        loss_class(loss_name='kd')
    with pytest.raises(ValueError, match='teacher_logits have 6 .*student_logits 4'):
        loss_class()(teacher, student)
    with pytest.raises(ValueError, match='mask must have shape'):
        loss_class()(student, teacher, mask=torch.ones(2, 1, 5, 7))
