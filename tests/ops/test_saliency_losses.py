import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import correlate
from skimage.metrics import structural_similarity as skimage_ssim

from mmseg_labelfree.ops.saliency_losses import (
    hybrid_saliency_loss,
    soft_iou_loss,
    structural_similarity,
)


def slow_ssim(x, y):
    """A whole 11 x 11 window per pixel, zeros outside."""
    offset = np.arange(-5, 6)
    window = np.exp(-(offset[:, None] ** 2 + offset**2) / (2 * 1.5**2))
    window /= window.sum()

    def mean(a):
        return correlate(a, window, mode='constant')

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    return ((2 * mx * my + 1e-4) * (2 * cov + 9e-4)) / (
        (mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4)
    )


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 20), st.integers(1, 20))
def test_ssim_equals_whole_windows(seed, height, width):
    rng = np.random.default_rng(seed)
    x, y = rng.random((2, height, width))
    value = structural_similarity(
        torch.tensor(x)[None, None], torch.tensor(y)[None, None]
    )
    assert value.dtype == torch.float32
    np.testing.assert_allclose(value[0, 0].numpy(), slow_ssim(x, y), atol=2e-4)


def test_ssim_equals_scikit_image_inside():
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 30, 30))
    _, expected = skimage_ssim(
        x,
        y,
        gaussian_weights=True,
        sigma=1.5,
        data_range=1.0,
        use_sample_covariance=False,
        full=True,
    )
    value = structural_similarity(
        torch.tensor(x)[None, None], torch.tensor(y)[None, None]
    )[0, 0].numpy()
    np.testing.assert_allclose(value[6:-6, 6:-6], expected[6:-6, 6:-6], atol=2e-4)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_hybrid_loss_equals_loops(seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (2, 7, 9))
    label = rng.choice([0, 1, 255], (2, 7, 9))
    parts = hybrid_saliency_loss(torch.tensor(logits)[:, None], torch.tensor(label))
    p = 1 / (1 + np.exp(-logits))
    bce, count = 0.0, 0
    for q, t in zip(p.ravel(), label.ravel(), strict=True):
        if t != 255:
            bce -= np.log(q if t == 1 else 1 - q)
            count += 1
    assert parts['bce'].item() == pytest.approx(bce / count, rel=1e-4)
    valid = label != 255
    x, y = p * valid, (label == 1) * 1.0
    ssim = np.stack([1 - slow_ssim(a, b) for a, b in zip(x, y, strict=True)])
    assert parts['ssim'].item() == pytest.approx(ssim[valid].mean(), abs=1e-4)
    iou = [1 - (a * b).sum() / (a + b - a * b).sum() for a, b in zip(x, y, strict=True)]
    assert parts['iou'].item() == pytest.approx(np.mean(iou), rel=1e-4)


def test_edges_of_the_losses():
    mask = torch.zeros(2, 1, 4, 4)
    mask[0, 0, :2] = 1
    assert soft_iou_loss(mask, mask).tolist() == [0, 0]
    assert soft_iou_loss(mask, 1 - mask).tolist() == [1, 1]
    logits = torch.randn(2, 1, 4, 4, requires_grad=True)
    void = torch.full((2, 4, 4), 255)
    parts = hybrid_saliency_loss(logits, void)
    assert [v.item() for v in parts.values()] == [0, 0, 0]
    sum(parts.values()).backward()
    assert logits.grad.abs().sum() == 0
    mask[1, 0, :, 3] = 1
    perfect = hybrid_saliency_loss((mask * 2 - 1) * 50, mask[:, 0].long())
    assert all(v.item() == pytest.approx(0, abs=1e-6) for v in perfect.values())
    with torch.autocast('cpu', torch.bfloat16):
        again = hybrid_saliency_loss((mask * 2 - 1) * 50, mask[:, 0].long())
    assert again == perfect
    with pytest.raises(ValueError, match=r'logits \(2, 2, 4, 4\)'):
        hybrid_saliency_loss(torch.zeros(2, 2, 4, 4), void)
