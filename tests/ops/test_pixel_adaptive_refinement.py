import math
import statistics

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from mmseg_labelfree.ops import pixel_adaptive_refinement


def literal(images, masks, dilations, iterations, scale, weight):
    """Pixel by pixel and neighbor by neighbor."""
    num, channels, height, width = images.shape
    masks = F.interpolate(masks, (height, width), mode='bilinear', align_corners=True)
    steps = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x]
    offsets = [(d * y, d * x) for d in dilations for y, x in steps]
    distances = [math.hypot(*offset) for offset in offsets]
    spread = statistics.stdev(distances)
    near = softmax([-((d / spread / scale) ** 2) for d in distances])

    def place(y, x):
        return min(max(y, 0), height - 1), min(max(x, 0), width - 1)

    def pixel_weights(image, y, x):
        cost = [0.0] * len(offsets)
        for c in range(channels):
            values = [image[c][place(y + dy, x + dx)].item() for dy, dx in offsets]
            spread = statistics.stdev(values) + 1e-8
            for k, value in enumerate(values):
                gap = abs(value - image[c][y, x].item())
                cost[k] -= (gap / spread / scale) ** 2 / channels
        alike = softmax(cost)
        return [a + weight * b for a, b in zip(alike, near, strict=True)]

    for n in range(num):
        table = {
            (y, x): pixel_weights(images[n], y, x)
            for y in range(height)
            for x in range(width)
        }
        for _ in range(iterations):
            before = masks[n].clone()
            for (y, x), weights in table.items():
                masks[n, :, y, x] = sum(
                    w * before[(slice(None), *place(y + dy, x + dx))]
                    for w, (dy, dx) in zip(weights, offsets, strict=True)
                )
    return masks


def softmax(values):
    top = max(values)
    powers = [math.exp(v - top) for v in values]
    return [p / sum(powers) for p in powers]


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def batch(generator):
    options = dict(dtype=torch.double, generator=generator)
    return torch.rand(2, 3, 6, 9, **options), torch.rand(2, 2, 3, 4, **options)


@pytest.mark.parametrize(
    ('dilations', 'iterations', 'scale', 'weight'),
    [([1], 1, 0.3, 0.01), ([1, 2, 8], 3, 0.3, 0.01), ([2, 3], 2, 0.7, 0.2)],
)
def test_by_loops(batch, dilations, iterations, scale, weight):
    settings = dilations, iterations, scale, weight
    found = pixel_adaptive_refinement(*batch, *settings)
    assert_close(found, literal(*batch, *settings))


def test_without_iterations_the_masks_are_enlarged(batch):
    images, masks = batch
    want = F.interpolate(masks, (6, 9), mode='bilinear', align_corners=True)
    assert_close(pixel_adaptive_refinement(images, masks, iterations=0), want)


def test_constant_masks_grow_by_the_weights(batch):
    images, _ = batch
    refined = pixel_adaptive_refinement(images, torch.ones(2, 1, 6, 9), iterations=10)
    assert_close(refined, torch.full_like(refined, 1.01**10))


def test_masks_are_refined_one_by_one(batch):
    images, masks = batch
    both = pixel_adaptive_refinement(images, masks)
    assert_close(both[:, 1:], pixel_adaptive_refinement(images, masks[:, 1:]))
    assert_close(both[1:], pixel_adaptive_refinement(images[1:], masks[1:]))


def test_a_soft_mask_takes_the_edge_of_the_image():
    image = torch.zeros(1, 3, 24, 24)
    image[..., 12:] = 1
    soft = torch.linspace(0, 1, 24).expand(1, 1, 24, 24)
    refined = pixel_adaptive_refinement(image, soft, iterations=10)[0, 0, 12]
    jumps = refined.diff()
    assert jumps.argmax() == 11
    assert jumps[11] > 5 * soft.diff().max()


def test_large_batches_equal_single_images(generator):
    """More than one block of images and several strips of rows."""
    images = torch.rand(3, 3, 200, 240, generator=generator)
    masks = torch.rand(3, 2, 200, 240, generator=generator)
    every = pixel_adaptive_refinement(images, masks, iterations=2)
    for n in range(3):
        one = pixel_adaptive_refinement(
            images[n : n + 1], masks[n : n + 1], iterations=2
        )
        assert_close(every[n : n + 1], one)
    part = pixel_adaptive_refinement(
        images[:1, :, :100], masks[:1, :, :100], [1, 2], iterations=2
    )
    whole = pixel_adaptive_refinement(images[:1], masks[:1], [1, 2], iterations=2)
    assert_close(part[:, :, :96], whole[:, :, :96])


def test_half_precision_is_computed_in_float32(batch):
    images, masks = (x.bfloat16() for x in batch)
    found = pixel_adaptive_refinement(images, masks)
    assert found.dtype == torch.float32
    assert_close(found, pixel_adaptive_refinement(images.float(), masks.float()))


def test_the_arguments_stay_as_they_are(batch):
    before = [x.clone() for x in batch]
    pixel_adaptive_refinement(*batch)
    for x, was in zip(batch, before, strict=True):
        assert torch.equal(x, was)


def test_other_batches(batch):
    images, masks = batch
    with pytest.raises(ValueError, match='2 images and masks of 1 images'):
        pixel_adaptive_refinement(images, masks[:1])
    with pytest.raises(ValueError, match=r'masks must be .* \(N, C, H, W\)'):
        pixel_adaptive_refinement(images, masks[0])
