import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

import mmseg_labelfree  # noqa: F401
from mmseg_labelfree.models.losses.pixel_losses import head_losses


def head(loss=None, **sampler):
    return MODELS.build(
        dict(
            type='FCNHead',
            in_channels=4,
            channels=4,
            num_classes=5,
            num_convs=0,
            concat_input=False,
            align_corners=True,
            sampler=dict(type='HardPixelSampler', **sampler),
            loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4) | (loss or {}),
        )
    )


@pytest.fixture
def batch():
    """Logits, and samples of two images with some ignored pixels."""
    torch.manual_seed(0)
    labels = torch.randint(0, 5, (2, 9, 11))
    labels[0, :4] = 255
    samples = [SegDataSample(gt_sem_seg=PixelData(data=y[None])) for y in labels]
    return 3 * torch.randn(2, 5, 3, 4), labels, samples


@pytest.mark.parametrize('min_kept', [1, 40, 120, 1000])
@pytest.mark.parametrize('thresh', [0.0, 0.05, 0.7])
def test_mean_over_the_hard_pixels_of_the_batch(batch, thresh, min_kept):
    """By a sort of all pixels that have a label; 154 here."""
    logits, labels, samples = batch
    x = logits.requires_grad_()
    loss = head_losses(head(thresh=thresh, min_kept=min_kept), x, samples)['loss_ce']
    large = F.interpolate(x, (9, 11), mode='bilinear', align_corners=True)
    pixels = F.cross_entropy(large, labels, ignore_index=255, reduction='none')
    pixels = pixels[labels != 255]
    probability = sorted((-pixels).exp().tolist())
    limit = max(thresh, probability[min(min_kept, len(probability)) - 1])
    hard = pixels[(-pixels).exp() <= limit + 1e-7]
    assert len(hard) >= min(min_kept, len(pixels))
    torch.testing.assert_close(loss, 0.4 * hard.mean())
    got, want = (torch.autograd.grad(v, x)[0] for v in (loss, 0.4 * hard.mean()))
    torch.testing.assert_close(got, want)


def test_no_pixel_has_a_label(batch):
    logits, _, samples = batch
    for sample in samples:
        sample.gt_sem_seg.data.fill_(255)
    loss = head_losses(head(), logits.requires_grad_(), samples)['loss_ce']
    assert loss == 0
    assert not torch.autograd.grad(loss, logits)[0].any()


def test_settings_that_do_not_fit():
    with pytest.raises(ValueError, match='avg_non_ignore=True: set it to False'):
        head(dict(avg_non_ignore=True))
    with pytest.raises(ValueError, match='leave class_weight out'):
        head(dict(class_weight=[1.0] * 5))
    with pytest.raises(ValueError, match='BalancedCrossEntropyLoss weighs the pixels'):
        head(dict(type='BalancedCrossEntropyLoss'))
    with pytest.raises(ValueError, match=r'thresh=1.5 is not in 0 to 1'):
        head(thresh=1.5)
    with pytest.raises(ValueError, match='min_kept=0 must be at least 1'):
        head(min_kept=0)
    for name in ('DiceLoss', 'ImagePresenceLoss'):
        with pytest.raises(
            ValueError, match=f'HardPixelSampler weighs .* {name} cannot'
        ):
            head(dict(type=name))
