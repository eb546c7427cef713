"""Numbers of the authors' code (rulixiang/afa adcfa29), in float64.

Their functions ran unchanged, on inputs that anyone can write down: ``wave`` and
``labels``.
"""

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from mmseg_labelfree.ops import (
    activation_labels,
    affinity_loss,
    affinity_targets,
    background_scores,
    balanced_weights,
    multi_scale_activations,
    pixel_adaptive_refinement,
    propagate_activations,
    refine_scores,
    refined_labels,
    unbiased_cross_entropy,
)

from ..reference_inputs import labels, wave

PRESENT = torch.tensor([[1, 0, 1], [0, 1, 0]], dtype=torch.bool)
BOXES = [(2, 30, 4, 40), (0, 32, 10, 48)]
TOKENS = {1: (2, 3), 0.5: (1, 2), 1.5: (3, 5)}


def near(found, want, tolerance=1e-8):
    want = torch.tensor(want, dtype=found.dtype)
    assert_close(found, want, rtol=tolerance, atol=tolerance)


def counts(label):
    values, numbers = label.unique(return_counts=True)
    return dict(zip(values.tolist(), numbers.tolist(), strict=True))


def valid():
    inside = torch.zeros(2, 32, 48, dtype=torch.bool)
    for n, (top, bottom, left, right) in enumerate(BOXES):
        inside[n, top:bottom, left:right] = True
    return inside


@pytest.fixture
def activations():
    def network(images):
        size = tuple(images.shape[2:])
        scale = next(s for s in TOKENS if size == (int(32 * s), int(48 * s)))
        return wave(4, 3, *TOKENS[scale], phase=scale)

    return multi_scale_activations(network, torch.zeros(2, 3, 32, 48).double())


@pytest.fixture
def affinity():
    return wave(4, 15, 15, phase=1.5).sigmoid()[:2]


@pytest.fixture
def scores(activations):
    """Activations at the size of the tokens, within the boxes of the images."""
    kept = activations * PRESENT[:, :, None, None]
    kept = F.interpolate(kept, (3, 5), mode='bilinear', align_corners=False)
    return background_scores(kept, PRESENT, 0.35)


@pytest.fixture
def images():
    return 0.5 + wave(2, 3, 32, 48, phase=0.2, scale=0.5)


def test_multi_scale_activations(activations):
    sums = [1103.6128982315, 608.9909557721, 593.9587586562]
    sums += [601.7862515607, 328.1529405636, 991.6577897596]
    near(activations.sum((2, 3)).flatten(), sums)
    near(activations[0, 0, 0, [0, 4, 5]], [0.8763482199, 0.8763482199, 0.8760034564])
    near(activations.max(), 0.9999969999)
    near(activations.norm(), 53.7683120839)


def test_multi_scale_activations_of_present_classes(activations):
    def network(images):
        size = tuple(images.shape[2:])
        scale = next(s for s in TOKENS if size == (int(32 * s), int(48 * s)))
        return wave(4, 3, *TOKENS[scale], phase=scale)

    found = multi_scale_activations(
        network, torch.zeros(2, 3, 32, 48).double(), image_labels=PRESENT
    )
    assert_close(found, activations * PRESENT[:, :, None, None])


def test_the_function_may_keep_the_affinity_of_the_largest_scale():
    kept = {}

    def network(images):
        size = tuple(images.shape[2:])
        scale = next(s for s in TOKENS if size == (int(32 * s), int(48 * s)))
        height, width = TOKENS[scale]
        tokens = height * width
        kept[scale] = wave(len(images), tokens, tokens, phase=scale).sigmoid()
        return wave(len(images), 3, height, width, phase=scale)

    multi_scale_activations(network, torch.zeros(2, 3, 32, 48).double())
    affinity = kept[max(kept)]
    assert affinity.shape == (4, 15, 15)
    near(affinity[:2].sum(), 225.3600621233)  # of the images, not their mirror images


def test_labels_of_one_score(activations):
    label = activation_labels(activations, PRESENT, 0.45)
    assert counts(label) == {0: 1474, 1: 1041, 2: 231, 3: 326}
    row = label[:, 16, ::4].flatten().tolist()
    assert row == [1] * 12 + [2] * 2 + [0] * 10


def test_labels_of_two_scores(activations):
    label = activation_labels(activations, PRESENT, 0.35, 0.55, valid())
    assert counts(label) == {0: 1114, 1: 720, 2: 50, 3: 184, 255: 1004}
    row = label[:, 16, ::4].flatten().tolist()
    assert row == [255] + [1] * 9 + [255] * 5 + [0] * 9
    near((activations * PRESENT[:, :, None, None]).sum(), 2025.7245974514)


def test_labels_within_the_box(activations):
    label = activation_labels(activations, PRESENT, 0.45, valid=valid())
    assert counts(label) == {0: 1182, 1: 747, 2: 79, 3: 216, 255: 848}


def test_affinity_targets_and_loss():
    tokens = labels(2, 4, 5, [0, 1, 0, 3, 255, 3])
    label = tokens.repeat_interleave(16, 1).repeat_interleave(16, 2)
    targets = affinity_targets(label, radius=2, size=(4, 5))
    assert counts(targets) == {0: 240, 1: 136, 255: 424}
    first = '1 0 255 255 255 0 1 0 255 255 1 0 255 255 255 255 255 255 255 255'
    second = '1 0 1 255 255 0 255 0 255 255 1 0 1 255 255 255 255 255 255 255'
    for row, want in zip(targets[:, 0], (first, second), strict=True):
        assert row.tolist() == [int(x) for x in want.split()]
    affinity = wave(2, 20, 20, phase=0.3).sigmoid().requires_grad_()
    loss = affinity_loss(affinity, targets)
    loss.backward()
    near(loss.detach(), 0.5129139841)
    near(affinity.grad.norm(), 0.053334208)
    near(affinity.grad.flatten()[:4], [-0.00364963504, 0.0020746888, 0, 0])


def test_balanced_cross_entropy():
    logits = wave(2, 4, 9, 10).requires_grad_()
    label = labels(2, 9, 10, [0, 0, 1, 3, 0, 2], 7)
    pixels = unbiased_cross_entropy(logits, label, 1)
    loss = (pixels * balanced_weights(label, dtype=torch.double)).sum()
    loss.backward()
    near(loss.detach(), 2.9056493103)
    near(logits.grad.norm(), 0.0872731471)
    want = [0, 0.000465151515, -0.00580140729, 0.00151832588]
    near(logits.grad.flatten()[:4], want)


def test_balanced_cross_entropy_without_objects():
    """Their gradient; their loss is NaN."""
    logits = wave(2, 4, 9, 10).requires_grad_()
    label = torch.zeros(2, 9, 10, dtype=torch.long)
    pixels = unbiased_cross_entropy(logits, label, 1)
    loss = (pixels * balanced_weights(label, dtype=torch.double)).sum()
    loss.backward()
    assert loss.isfinite()
    near(logits.grad.norm(), 0.0385877088)
    want = [-0.00265270309, -0.00257362795, -0.00241725304, -0.00211140142]
    near(logits.grad.flatten()[:4], want)


def test_propagation(scores, affinity):
    before = affinity.clone()
    spread = propagate_activations(scores, affinity, radius=1)
    assert torch.equal(affinity, before)
    sums = [4.0683921258, 5.9346594268, 0, 4.3275052085]
    sums += [7.6459966122, 0, 6.6570207507, 0]
    near(spread.sum((2, 3)).flatten(), sums)
    want = [0.2467586667, 0.2562868481, 0.2596828498]
    want += [0.2916250862, 0.2988412484, 0.2368701828]
    near(spread.flatten()[:6], want)
    near(spread.norm(), 3.4191329331)
    top = [1] * 10 + [3, 1, 1, 1, 0] + [0] * 5 + [2, 0, 0, 0, 0, 2, 2, 0, 0, 0]
    assert spread.argmax(1).flatten().tolist() == top


def test_propagation_without_background(activations, affinity):
    kept = activations * PRESENT[:, :, None, None]
    kept = F.interpolate(kept, (3, 5), mode='bilinear', align_corners=False)
    spread = propagate_activations(kept, affinity, radius=1, eps=1e-4)
    near(spread.norm(), 3.5584304538)
    sums = [10.7994901765, 0, 5.8813311558, 0, 3.1782055568, 0]
    near(spread.sum((2, 3)).flatten(), sums)


@pytest.mark.parametrize(
    ('iterations', 'sums', 'first', 'norm'),
    [
        (
            10,
            '117.6498087414 63.2833124344 13.0981947571 94.479090128 28.4997467863 '
            '26.8262036791',
            '0.8667833967 0.8567878898 0.7869428809 0.7115499951',
            15.8711659183,
        ),
        (
            1,
            '109.2448010204 59.4244188125 10.715555636 89.0864226308 26.3207336905 '
            '21.8520027553',
            '0.7920566594 0.8128074741 0.8442780886 0.8196800377',
            15.046047189,
        ),
    ],
)
def test_pixel_adaptive_refinement(iterations, sums, first, norm):
    images = 0.5 + wave(2, 3, 10, 12, scale=0.5)
    masks = 0.5 + wave(2, 3, 5, 6, phase=0.6, scale=0.5)
    refined = pixel_adaptive_refinement(images, masks, iterations=iterations)
    near(refined.sum((2, 3)).flatten(), [float(x) for x in sums.split()], 1e-6)
    near(refined.flatten()[:4], [float(x) for x in first.split()], 1e-6)
    near(refined.norm(), norm, 1e-6)


def test_pixel_adaptive_refinement_of_two_channels():
    images = 0.5 + wave(2, 3, 10, 12, scale=0.5)[:1]
    masks = 0.5 + wave(2, 3, 5, 6, phase=0.6, scale=0.5)[:1, :2]
    refined = pixel_adaptive_refinement(images, masks, [1, 2], 3)
    near(refined.sum((2, 3)).flatten(), [111.8456195794, 60.9544788959], 1e-6)
    near(refined.norm(), 12.0204246447, 1e-6)


def test_pixel_adaptive_refinement_of_a_constant_image():
    images = torch.full((1, 3, 6, 7), 0.25).double()
    masks = wave(1, 2, 6, 7, phase=0.6)
    refined = pixel_adaptive_refinement(images, masks, iterations=2)
    near(refined.sum((2, 3)).flatten(), [57.6442445256, -27.7880597241], 1e-6)
    near(refined.norm(), 10.2221690285, 1e-6)


def test_refined_labels(activations, images):
    small = F.interpolate(activations, (16, 24), mode='bilinear', align_corners=False)
    low, high = (background_scores(small, PRESENT, b) for b in (0.35, 0.55))
    label = refined_labels(
        images, low, high, PRESENT, pixel_adaptive_refinement, valid=valid()
    )
    assert counts(label) == {0: 979, 1: 934, 2: 51, 3: 38, 255: 1070}
    row = '255 1 1 1 1 1 255 1 1 1 255 255 255 255 255 255 0 0 0 0 255 0 255 0'
    assert label[:, 16, ::4].flatten().tolist() == [int(x) for x in row.split()]


def test_refined_propagation(scores, affinity, images):
    spread = propagate_activations(scores, affinity, radius=1)
    spread = F.interpolate(spread, (32, 48), mode='bilinear', align_corners=False)
    refined = torch.zeros_like(spread)
    for n, (top, bottom, left, right) in enumerate(BOXES):
        here = ..., slice(top, bottom), slice(left, right)
        present = F.pad(PRESENT[n], (1, 0), value=True)
        refined[n, present, top:bottom, left:right] = refine_scores(
            images[n : n + 1][here],
            spread[n : n + 1, present][here],
            pixel_adaptive_refinement,
        )[0]
    sums = [298.203922122, 434.9262730498, 0, 328.8310229483]
    sums += [696.6510159619, 0, 579.1677836025, 0]
    near(refined.sum((2, 3)).flatten(), sums, 1e-6)
    near(refined.norm(), 32.5563064161, 1e-6)
