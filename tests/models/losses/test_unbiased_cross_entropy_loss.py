import pytest
import torch
from mmseg.registry import MODELS

from mmseg_labelfree.models.losses import UnbiasedCrossEntropyLoss
from mmseg_labelfree.ops import unbiased_cross_entropy


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 6, 5, 7, generator=generator)
    label = torch.randint(3, 6, (2, 5, 7), generator=generator)
    label[:, :2] = 0
    label[0, 2] = 255
    return logits.requires_grad_(), label


def test_settings_reach_the_function(batch):
    pixels = unbiased_cross_entropy(*batch, 3)
    torch.testing.assert_close(UnbiasedCrossEntropyLoss(3)(*batch), pixels.sum() / 70)


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


def test_as_many_old_classes_as_logits(batch):
    with pytest.raises(ValueError, match='num_old_classes=6 does not fit 6 logits'):
        UnbiasedCrossEntropyLoss(6)(*batch)
