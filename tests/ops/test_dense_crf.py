import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_labelfree.ops.dense_crf import dense_crf

pytestmark = pytest.mark.usefixtures('pydensecrf')


def two_colors(seed=0, height=24, width=31):
    """A slanted edge between two colors, and unsure predictions that know of it."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    label = (columns + rows // 3 > width // 2).astype(int)
    image = np.array([[200, 60, 40], [40, 70, 190]], np.uint8)[label]
    noisy = np.where(rng.random(label.shape) < 0.25, 1 - label, label)
    probabilities = np.where(np.arange(2)[:, None, None] == noisy, 0.65, 0.35)
    return image, label, probabilities.astype(np.float32)


def mean_field(image, probabilities, iterations, gaussian, bilateral):
    """Slow reference: the sum over all pairs of pixels."""
    num_classes, height, width = probabilities.shape
    rows, columns = np.mgrid[:height, :width]
    position = np.stack([rows, columns], -1).reshape(-1, 2).astype(float)
    color = image.reshape(-1, 3).astype(float)

    def kernel(features):
        distance = ((features[:, None] - features[None]) ** 2).sum(-1)
        k = np.exp(-distance / 2)
        scale = 1 / np.sqrt(k.sum(1))
        return scale[:, None] * k * scale[None]

    std, weight = gaussian
    pairs = weight * kernel(position / std)
    std_xy, std_rgb, weight = bilateral
    pairs += weight * kernel(np.hstack([position / std_xy, color / std_rgb]))
    unary = np.log(np.clip(probabilities, 1e-5, 1)).reshape(num_classes, -1)
    q = np.exp(unary) / np.exp(unary).sum(0)
    for _ in range(iterations):
        logits = unary + q @ pairs
        q = np.exp(logits - logits.max(0))
        q /= q.sum(0)
    return q.reshape(probabilities.shape)


def test_recovers_the_edge():
    image, label, probabilities = two_colors()
    before = (probabilities.argmax(0) == label).mean()
    refined = dense_crf(image, probabilities)
    assert before < 0.8 and (refined.argmax(0) == label).mean() == 1
    assert refined.dtype == np.float32 and refined.shape == probabilities.shape
    assert np.array_equal(refined, dense_crf(image, probabilities))  # deterministic


def test_close_to_mean_field_over_all_pairs():
    """The library filters on a lattice, which is an approximation."""
    rng = np.random.default_rng(1)
    image, _, _ = two_colors(height=12, width=13)
    probabilities = rng.dirichlet(np.ones(3), (12, 13)).transpose(2, 0, 1)
    for iterations, tolerance in ((1, 0.025), (3, 0.07)):
        refined = dense_crf(
            image,
            probabilities,
            iterations,
            gaussian_std=2,
            gaussian_weight=3,
            bilateral_xy=8,
            bilateral_rgb=20,
            bilateral_weight=4,
        )
        expected = mean_field(image, probabilities, iterations, (2, 3), (8, 20, 4))
        assert np.abs(refined - expected).max() < tolerance
        assert np.abs(refined - expected).mean() < tolerance / 8
        assert np.abs(refined - probabilities).max() > 6 * tolerance


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.integers(1, 9), st.integers(1, 9), st.integers(0, 10**6))
def test_gives_probabilities(num_classes, height, width, seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    probabilities = rng.dirichlet(np.ones(num_classes), (height, width))
    refined = dense_crf(image, probabilities.transpose(2, 0, 1).astype(np.float32))
    assert refined.shape == (num_classes, height, width)
    assert (refined >= 0).all()
    np.testing.assert_allclose(refined.sum(0), 1, atol=1e-5)


def test_constant_unary_stays():
    image, _, _ = two_colors()
    shape = (3, *image.shape[:2])
    uniform = np.full(shape, 1 / 3, np.float32)
    np.testing.assert_allclose(dense_crf(image, uniform), uniform, atol=1e-6)
    sure = np.zeros(shape, np.float32)
    sure[1] = 1
    np.testing.assert_allclose(dense_crf(image, sure), sure, atol=1e-4)
    same = np.broadcast_to(np.array([0.2, 0.3, 0.5])[:, None, None], shape)
    assert (dense_crf(image, same).argmax(0) == 2).all()


def test_zero_iterations_and_weights_leave_the_input():
    image, _, probabilities = two_colors()
    assert np.allclose(dense_crf(image, probabilities, iterations=0), probabilities)
    free = dense_crf(image, probabilities, gaussian_weight=0, bilateral_weight=0)
    assert np.allclose(free, probabilities, atol=1e-6)


def test_bad_input(monkeypatch):
    image, _, probabilities = two_colors()
    with pytest.raises(ValueError, match=r'image must be uint8 \(H, W, 3\)'):
        dense_crf(image / 255, probabilities)
    with pytest.raises(ValueError, match=r'probabilities must be \(C, 24, 31\)'):
        dense_crf(image, probabilities[:, 1:])
    monkeypatch.setitem(sys.modules, 'pydensecrf', None)  # as if not installed
    with pytest.raises(ImportError, match=r'pip install "mmseg_labelfree\[crf\]"'):
        dense_crf(image, probabilities)
