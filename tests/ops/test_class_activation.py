import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from mmseg_labelfree.ops import (
    activation_labels,
    agreeing_labels,
    multi_scale_activations,
    normalize_activations,
)

CLASSES = 4


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def images(generator):
    return torch.rand(2, 3, 12, 16, dtype=torch.double, generator=generator)


@pytest.fixture
def network(generator):
    kernel = torch.randn(CLASSES, 3, 3, 3, dtype=torch.double, generator=generator)
    return lambda images: F.conv2d(images, kernel, stride=4, padding=1)


@pytest.fixture
def image_labels():
    return torch.tensor([[1, 0, 1, 0], [0, 0, 0, 1]], dtype=torch.bool)


def literal(network, images, scales):
    """Image by image and class by class, each view by itself."""
    height, width = images.shape[2:]
    maps = torch.zeros(len(images), CLASSES, height, width, dtype=torch.double)
    for n, image in enumerate(images):
        for scale in scales:
            size = int(scale * height), int(scale * width)
            view = F.interpolate(image[None], size, mode='bilinear')
            seen = F.interpolate(network(view), (height, width), mode='bilinear')[0]
            turned = network(view.flip(3))
            turned = F.interpolate(turned, (height, width), mode='bilinear')[0].flip(2)
            for c in range(CLASSES):
                for y in range(height):
                    for x in range(width):
                        maps[n, c, y, x] += max(seen[c, y, x], turned[c, y, x], 0)
        for c in range(CLASSES):
            maps[n, c] -= maps[n, c].min()
            maps[n, c] /= maps[n, c].max() + 1e-5
    return maps


@pytest.mark.parametrize('scales', [(1.0,), (1.0, 0.5, 1.5), (0.75, 2.0)])
def test_activations_by_loops(network, images, scales):
    found = multi_scale_activations(network, images, scales)
    assert_close(found, literal(network, images, scales))


def test_one_image_is_one_row_of_the_batch(network, images):
    both = multi_scale_activations(network, images)
    assert_close(both[:1], multi_scale_activations(network, images[:1]))


def test_the_mirror_image_has_the_mirrored_map(network, images):
    found = multi_scale_activations(network, images)
    assert_close(multi_scale_activations(network, images.flip(3)), found.flip(3))


def test_without_mirror_it_is_the_map_of_the_image(network, images):
    found = multi_scale_activations(network, images, (1.0,), mirror=False)
    maps = F.interpolate(network(images), (12, 16), mode='bilinear').relu()
    assert_close(found, normalize_activations(maps))


def test_only_present_classes_are_computed(network, images, image_labels):
    every = multi_scale_activations(network, images)
    some = multi_scale_activations(network, images, image_labels=image_labels)
    assert_close(some, every * image_labels[:, :, None, None])


def test_no_image_has_a_class(network, images, image_labels):
    nothing = torch.zeros_like(image_labels)
    found = multi_scale_activations(network, images, image_labels=nothing)
    assert found.shape == (2, CLASSES, 12, 16)
    assert not found.any()


def test_half_precision_is_computed_in_float32(network, images):
    def half(views):
        return network(views.double()).bfloat16()

    found = multi_scale_activations(half, images.float())
    assert found.dtype == torch.float32
    assert_close(
        found.double(), multi_scale_activations(network, images), atol=0.05, rtol=0
    )


def test_normalized_maps_reach_from_0_to_1(generator):
    maps = 100 * torch.randn(2, 3, 5, 7, generator=generator) - 300
    found = normalize_activations(maps)
    assert_close(found.amin((2, 3)), torch.zeros(2, 3))
    assert_close(found.amax((2, 3)), torch.ones(2, 3), atol=1e-5, rtol=0)
    assert found.max() <= 1
    assert_close(normalize_activations(7 * maps + 4), found, atol=1e-6, rtol=0)


def test_a_constant_map_becomes_0():
    assert not normalize_activations(torch.full((1, 1, 3, 3), 5.0)).any()


def test_gradcheck_of_the_normalization(generator):
    maps = torch.randn(1, 2, 3, 4, dtype=torch.double, generator=generator)
    assert torch.autograd.gradcheck(normalize_activations, maps.requires_grad_())


def test_labels_by_loops(network, images, image_labels):
    maps = multi_scale_activations(network, images)
    valid = torch.ones(2, 12, 16, dtype=torch.bool)
    valid[1, :, :5] = False
    found = activation_labels(maps, image_labels, 0.3, 0.6, valid)
    for n in range(2):
        for y in range(12):
            for x in range(16):
                scores = {
                    c + 1: maps[n, c, y, x].item()
                    for c in range(CLASSES)
                    if image_labels[n, c]
                }
                best = max(scores, key=scores.get)
                want = best if scores[best] > 0.6 else 255
                want = 0 if scores[best] <= 0.3 else want
                want = want if valid[n, y, x] else 255
                assert found[n, y, x] == want
    assert set(found.unique().tolist()) > {0, 255}


def test_one_score_ignores_nothing(network, images, image_labels):
    maps = multi_scale_activations(network, images)
    label = activation_labels(maps, image_labels, 0.45)
    assert_close(label, activation_labels(maps, image_labels, 0.45, 0.45))
    assert not (label == 255).any()


def test_two_label_maps_agree_where_two_scores_do(network, images, image_labels):
    maps = multi_scale_activations(network, images)
    low, high = (activation_labels(maps, image_labels, b) for b in (0.3, 0.6))
    want = activation_labels(maps, image_labels, 0.3, 0.6)
    assert torch.equal(agreeing_labels(low, high), want)
    nowhere = torch.zeros_like(low, dtype=torch.bool)
    assert (agreeing_labels(low, high, nowhere) == 255).all()


@pytest.mark.parametrize(('low', 'high'), [(0.6, 0.5), (-0.1, 0.5), (0.5, 1.1)])
def test_scores_out_of_order(image_labels, low, high):
    maps = torch.zeros(2, CLASSES, 3, 3)
    with pytest.raises(ValueError, match='must be 0 to 1 and in this order'):
        activation_labels(maps, image_labels, low, high)


def test_labels_of_other_classes(network, images, image_labels):
    with pytest.raises(ValueError, match=r'bool of shape \(2, 4\).*got .* \(2, 3\)'):
        multi_scale_activations(network, images, image_labels=image_labels[:, :3])
    with pytest.raises(ValueError, match='bool of shape'):
        activation_labels(torch.zeros(2, 4, 3, 3), image_labels.float())
