import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS

from mmseg_labelfree.ops.symmetric_cross_entropy import symmetric_cross_entropy


def make_loss(**kwargs):
    return MODELS.build(dict(type='SymmetricCrossEntropyLoss', **kwargs))


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 5, 7, generator=generator)
    label = torch.randint(0, 4, (2, 5, 7), generator=generator)
    label[0, 2] = 255
    return logits.requires_grad_(), label


def test_reductions(batch):
    logits, label = batch
    weight = torch.rand(label.shape, generator=torch.Generator().manual_seed(1))
    pixels = symmetric_cross_entropy(logits, label, 1.0, 0.5)
    loss = make_loss()
    torch.testing.assert_close(loss(logits, label), pixels.mean())
    torch.testing.assert_close(
        make_loss(avg_non_ignore=True)(logits, label), pixels.sum() / 63
    )
    torch.testing.assert_close(
        make_loss(loss_weight=3.0)(logits, label, weight=weight),
        3 * (weight * pixels).mean(),
    )
    torch.testing.assert_close(loss(logits, label, avg_factor=10.0), pixels.sum() / 10)
    torch.testing.assert_close(loss(logits, label, reduction_override='none'), pixels)
    torch.testing.assert_close(
        loss(logits, label, weight=weight, reduction_override='sum'),
        (weight * pixels).sum(),
    )


def test_equals_cross_entropy_of_mmseg_without_the_reverse_term(batch):
    logits, label = batch
    stock = MODELS.build(dict(type='CrossEntropyLoss'))
    got = make_loss(xi2=0.0)(logits, label)
    torch.testing.assert_close(got, stock(logits, label, ignore_index=255))


def test_all_ignored_is_zero_with_zero_gradient(batch):
    logits, label = batch
    for avg_non_ignore in (True, False):
        loss = make_loss(avg_non_ignore=avg_non_ignore)(
            logits, torch.full_like(label, 255)
        )
        (grad,) = torch.autograd.grad(loss, logits)
        assert loss == 0
        assert torch.equal(grad, torch.zeros_like(grad))


def test_builds_over_a_base_config_with_leftovers():
    base = Config(dict(loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False)))
    base.merge_from_dict(dict(loss_decode=dict(type='SymmetricCrossEntropyLoss')))
    loss = MODELS.build(base.loss_decode)
    assert (loss.xi1, loss.xi2, loss.loss_name) == (1.0, 0.5, 'loss_sce')


def test_bad_arguments(batch):
    for kwargs in (
        dict(use_sigmoid=True),
        dict(class_weight=[1.0]),
        dict(loss_name='sce'),
        dict(xi1=-1.0),
        dict(least=1.0),
    ):
        with pytest.raises(ValueError, match=next(iter(kwargs))):
            make_loss(**kwargs)
    with pytest.raises(ValueError, match='reduction_override'):
        make_loss()(*batch, reduction_override='max')
