import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmseg.registry import MODELS

from mmseg_labelfree.models.losses import UnbiasedCrossEntropyLoss
from mmseg_labelfree.ops.incremental import unbiased_cross_entropy


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 6, 5, 7, generator=generator)
    label = torch.randint(3, 6, (2, 5, 7), generator=generator)
    label[:, :2] = 0
    label[0, 2] = 255
    return logits.requires_grad_(), label


def test_mean_is_over_all_pixels_by_default(batch):
    logits, label = batch
    pixels = unbiased_cross_entropy(logits, label, 3)
    loss = UnbiasedCrossEntropyLoss(3)(logits, label)
    torch.testing.assert_close(loss, pixels.sum() / 70)
    loss = UnbiasedCrossEntropyLoss(3, avg_non_ignore=True)(logits, label)
    torch.testing.assert_close(loss, pixels.sum() / 63)
    loss = UnbiasedCrossEntropyLoss(3, loss_weight=2.5)(logits, label)
    torch.testing.assert_close(loss, 2.5 * pixels.sum() / 70)


def test_first_step_equals_mmseg_cross_entropy(batch):
    logits, label = batch
    stock = MODELS.build(dict(type='CrossEntropyLoss', avg_non_ignore=True))
    weight = torch.rand(label.shape, generator=torch.Generator().manual_seed(1))
    ours = UnbiasedCrossEntropyLoss(1, avg_non_ignore=True)
    for kwargs in (
        dict(weight=None),
        dict(weight=weight),
        dict(weight=weight, avg_factor=11.0),
        dict(reduction_override='none'),
        dict(weight=weight, reduction_override='sum'),
    ):
        got = ours(logits, label, ignore_index=255, **kwargs)
        want = stock(logits, label, ignore_index=255, **kwargs)
        torch.testing.assert_close(got, want)
        torch.testing.assert_close(
            torch.autograd.grad(got.sum(), logits),
            torch.autograd.grad(want.sum(), logits),
        )


@pytest.mark.parametrize('avg_non_ignore', [True, False])
@pytest.mark.parametrize('avg_factor', [None, 0])
def test_all_ignored_is_zero_with_zero_gradient(batch, avg_non_ignore, avg_factor):
    logits, label = batch
    loss = UnbiasedCrossEntropyLoss(3, avg_non_ignore=avg_non_ignore)(
        logits, torch.full_like(label, 255), avg_factor=avg_factor
    )
    (grad,) = torch.autograd.grad(loss, logits)
    assert loss == 0
    assert torch.equal(grad, torch.zeros_like(grad))


def test_weight_map_scales_pixels_and_leaves_the_denominator(batch):
    logits, label = batch
    weight = torch.zeros(label.shape)
    weight[1, 3, 2] = 4
    loss = UnbiasedCrossEntropyLoss(3)(logits, label, weight=weight)
    (grad,) = torch.autograd.grad(loss, logits)
    pixel = unbiased_cross_entropy(logits, label, 3)[1, 3, 2]
    torch.testing.assert_close(loss, 4 * pixel / 70)
    touched = (grad != 0).any(1)
    assert touched[1, 3, 2]
    assert touched.sum() == 1


def test_builds_from_a_config_with_leftovers(batch):
    base = Config(
        dict(
            loss_decode=dict(
                type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0
            )
        )
    )
    base.merge_from_dict(
        dict(
            loss_decode=dict(
                type='UnbiasedCrossEntropyLoss', num_old_classes=3, class_weight=None
            )
        )
    )
    loss = MODELS.build(base.loss_decode)
    assert isinstance(loss, UnbiasedCrossEntropyLoss)
    assert loss.loss_name == 'loss_unbiased_ce'
    assert 'num_old_classes=3' in repr(loss)
    torch.testing.assert_close(loss(*batch), UnbiasedCrossEntropyLoss(3)(*batch))


def test_a_head_trains_with_it():
    from mmengine.structures import PixelData
    from mmseg.models import FCNHead
    from mmseg.structures import SegDataSample

    head = FCNHead(
        in_channels=4,
        channels=4,
        num_convs=0,
        concat_input=False,
        num_classes=5,
        dropout_ratio=0,
        sampler=dict(type='OHEMPixelSampler', min_kept=20),
        loss_decode=dict(type='UnbiasedCrossEntropyLoss', num_old_classes=3),
    )
    head.init_weights()
    label = torch.randint(3, 5, (1, 8, 8), generator=torch.Generator().manual_seed(0))
    label[:, :3] = 0
    sample = SegDataSample(gt_sem_seg=PixelData(data=label))
    losses = head.loss([torch.rand(1, 4, 4, 4)], [sample], train_cfg=None)
    losses['loss_unbiased_ce'].backward()
    assert losses['loss_unbiased_ce'] > 0
    assert (head.conv_seg.weight.grad != 0).any()


def test_autocast_matches_float32(batch):
    logits, label = batch
    with torch.autocast('cpu', torch.bfloat16):
        narrow = F.conv2d(logits, torch.eye(6).view(6, 6, 1, 1))
        loss = UnbiasedCrossEntropyLoss(3)(narrow, label)
    assert narrow.dtype == torch.bfloat16
    assert loss.dtype == torch.float32
    want = UnbiasedCrossEntropyLoss(3)(narrow.float(), label)
    torch.testing.assert_close(loss, want)
    (grad,) = torch.autograd.grad(loss, narrow)
    assert grad.dtype == torch.bfloat16


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(num_old_classes=0), 'num_old_classes .*got 0'),
        (dict(num_old_classes=2.0), 'num_old_classes .*got 2.0'),
        (dict(num_old_classes=True), 'num_old_classes .*got True'),
        (dict(num_old_classes=2, use_sigmoid=True), 'use_sigmoid=False'),
        (dict(num_old_classes=2, class_weight=[1.0, 2.0]), 'class_weight=None'),
        (dict(num_old_classes=2, loss_name='ce'), "'loss_', got 'ce'"),
    ],
)
def test_bad_settings_are_named(kwargs, message):
    with pytest.raises(ValueError, match=message):
        UnbiasedCrossEntropyLoss(**kwargs)


def test_bad_calls_are_named(batch):
    logits, label = batch
    with pytest.raises(ValueError, match='num_old_classes=6 does not fit 6 logits'):
        UnbiasedCrossEntropyLoss(6)(logits, label)
    with pytest.raises(ValueError, match='weight must have shape'):
        UnbiasedCrossEntropyLoss(3)(logits, label, weight=torch.ones(2, 1, 5, 7))
    with pytest.raises(ValueError, match="reduction_override .*got 'avg'"):
        UnbiasedCrossEntropyLoss(3)(logits, label, reduction_override='avg')
