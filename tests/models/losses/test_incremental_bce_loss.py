import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmseg.registry import MODELS

from mmseg_labelfree.models.losses import BinaryDistillationLoss, IncrementalBCELoss
from mmseg_labelfree.ops.binary_cross_entropy import (
    binary_distillation,
    incremental_binary_cross_entropy,
)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 6, 5, 7, generator=generator)
    label = torch.randint(3, 6, (2, 5, 7), generator=generator)
    label[:, :2] = 0
    label[0, 2] = 255
    return logits.requires_grad_(), label


@pytest.mark.parametrize('variant', ['paper', 'official'])
def test_sum_over_classes_mean_over_pixels(batch, variant):
    logits, label = batch
    pixels = incremental_binary_cross_entropy(logits, label, 3, variant)
    loss = IncrementalBCELoss(3, variant)(logits, label)
    torch.testing.assert_close(loss, pixels.sum() / 70)
    loss = IncrementalBCELoss(3, variant, avg_non_ignore=True)(logits, label)
    torch.testing.assert_close(loss, pixels.sum() / 63)
    loss = IncrementalBCELoss(3, variant, loss_weight=2.5)(logits, label)
    torch.testing.assert_close(loss, 2.5 * pixels.sum() / 70)
    weight = torch.rand(label.shape, generator=torch.Generator().manual_seed(1))
    loss = IncrementalBCELoss(3, variant)(logits, label, weight=weight)
    torch.testing.assert_close(loss, (weight * pixels).sum() / 70)
    sums = IncrementalBCELoss(3, variant)(logits, label, reduction_override='none')
    assert torch.equal(sums, pixels)


def test_variants_differ_in_the_old_classes(batch):
    logits, label = batch
    grads = {}
    for variant in ('paper', 'official'):
        loss = IncrementalBCELoss(3, variant)(logits, label)
        (grads[variant],) = torch.autograd.grad(loss, logits)
    assert (grads['paper'][:, 1:3] == 0).all()
    valid = (label != 255)[:, None].expand(2, 2, 5, 7)
    assert (grads['official'][:, 1:3][valid] > 0).all()  # pushed down everywhere
    rest = [0, 3, 4, 5]
    assert torch.equal(grads['paper'][:, rest], grads['official'][:, rest])


def test_all_ignored_is_zero_with_zero_gradient(batch):
    logits, label = batch
    for average in (True, False):
        loss = IncrementalBCELoss(3, avg_non_ignore=average)(
            logits, torch.full_like(label, 255)
        )
        (grad,) = torch.autograd.grad(loss, logits)
        assert loss == 0 and (grad == 0).all()


def test_builds_from_a_config_with_leftovers():
    base = Config(dict(loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False)))
    base.merge_from_dict(
        dict(loss_decode=dict(type='IncrementalBCELoss', num_old_classes=3))
    )
    loss = MODELS.build(base.loss_decode)
    assert isinstance(loss, IncrementalBCELoss)
    assert loss.loss_name == 'loss_incremental_bce'
    assert "variant='paper', num_old_classes=3" in repr(loss)


def test_autocast_matches_float32(batch):
    logits, label = batch
    with torch.autocast('cpu', torch.bfloat16):
        narrow = F.conv2d(logits, torch.eye(6).view(6, 6, 1, 1))
        loss = IncrementalBCELoss(3)(narrow, label)
    assert narrow.dtype == torch.bfloat16 and loss.dtype == torch.float32
    torch.testing.assert_close(loss, IncrementalBCELoss(3)(narrow.float(), label))


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(num_old_classes=0), 'num_old_classes .*got 0'),
        (dict(num_old_classes=2, variant='x'), "'paper' or 'official', got 'x'"),
        (dict(num_old_classes=2, use_sigmoid=True), 'IncrementalBCELoss .*use_sigmoid'),
        (dict(num_old_classes=2, class_weight=[1.0, 2.0]), 'class_weight=None'),
        (dict(num_old_classes=2, loss_name='bce'), "'loss_', got 'bce'"),
    ],
)
def test_bad_settings_are_named(kwargs, message):
    with pytest.raises(ValueError, match=message):
        IncrementalBCELoss(**kwargs)


def test_distillation_is_a_sum_over_classes_by_default(batch):
    student, _ = batch
    teacher = torch.randn(2, 3, 5, 7, generator=torch.Generator().manual_seed(2))
    loss = MODELS.build(dict(type='BinaryDistillationLoss', loss_weight=10.0))
    assert isinstance(loss, BinaryDistillationLoss)
    assert (loss.loss_name, loss.compares) == ('loss_binary_kd', 'logits')
    value = loss(student, teacher)
    # As the authors' code writes it: 10 * n_old * mean over pixels and classes.
    literal = F.binary_cross_entropy_with_logits(student[:, :3], teacher.sigmoid())
    torch.testing.assert_close(value, 10 * 3 * literal)
    average = BinaryDistillationLoss(class_average=True)(student, teacher)
    torch.testing.assert_close(average, literal)
    sharp = BinaryDistillationLoss(alpha=2.0)(student, teacher)
    torch.testing.assert_close(sharp, binary_distillation(student, 2 * teacher).mean())
    mask = torch.zeros(2, 5, 7)
    mask[0, 1] = 1
    part = BinaryDistillationLoss()(student, teacher, mask)
    pixels = binary_distillation(student, teacher)
    torch.testing.assert_close(part, pixels[0, 1].sum() / 70)
    (grad,) = torch.autograd.grad(value, student)
    assert (grad[:, 3:] == 0).all()
