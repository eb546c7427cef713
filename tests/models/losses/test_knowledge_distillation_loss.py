"""Both distillations with a softmax, which share their settings."""

import pytest
import torch
from mmseg.registry import MODELS

from mmseg_labelfree.models.losses import (
    KnowledgeDistillationLoss,
    UnbiasedKnowledgeDistillationLoss,
)
from mmseg_labelfree.ops import knowledge_distillation, unbiased_knowledge_distillation

PAIRS = [
    (KnowledgeDistillationLoss, knowledge_distillation),
    (UnbiasedKnowledgeDistillationLoss, unbiased_knowledge_distillation),
]


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    student = torch.randn(2, 6, 5, 7, generator=generator)
    teacher = torch.randn(2, 4, 5, 7, generator=generator)
    return student.requires_grad_(), teacher


@pytest.mark.parametrize('loss_class, function', PAIRS)
def test_settings_reach_the_function(batch, loss_class, function):
    loss = MODELS.build(
        dict(type=loss_class.__name__, alpha=2.0, class_average=False, loss_weight=10.0)
    )
    assert type(loss) is loss_class
    want = 10 * function(*batch, 2.0, False).mean()
    torch.testing.assert_close(loss(*batch), want)
    with pytest.raises(ValueError, match='alpha=-1 must be a number above 0'):
        loss_class(alpha=-1)


@pytest.mark.parametrize('loss_class, function', PAIRS)
def test_class_average_divides_by_the_teachers_classes(batch, loss_class, function):
    average, plain = loss_class()(*batch), loss_class(class_average=False)(*batch)
    torch.testing.assert_close(average, plain / 4)


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
