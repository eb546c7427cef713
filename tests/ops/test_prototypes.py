import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmseg_labelfree.ops.prototypes import (
    class_means,
    denoised_logits,
    prototype_log_weights,
    update_prototypes_,
)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 4, 3, 5, generator=generator)
    labels = torch.randint(0, 3, (2, 3, 5), generator=generator)
    labels[0, 0] = 255
    return features, labels


@pytest.mark.parametrize('channels_last', [False, True])
def test_means_pixel_by_pixel(batch, channels_last):
    features, labels = batch
    if channels_last:
        features = features.contiguous(memory_format=torch.channels_last)
    means, counts = class_means(features, labels, num_classes=5)
    for c in range(5):
        rows = [
            features[n, :, y, x].double()
            for n, y, x in np.ndindex(*labels.shape)
            if labels[n, y, x] == c
        ]
        assert counts[c] == len(rows)
        want = torch.stack(rows).mean(0) if rows else torch.zeros(4).double()
        torch.testing.assert_close(means[c], want.float())


def test_means_of_half_precision_are_float32(batch):
    features, labels = batch
    half = features.bfloat16()
    with torch.autocast('cpu', torch.bfloat16):
        got, _ = class_means(half, labels, 3)
    want, _ = class_means(half.double(), labels, 3)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, want.float())


def test_momentum_update():
    prototypes = torch.tensor([[1.0, 2.0], [0.0, 0.0], [5.0, 5.0]])
    known = torch.tensor([True, False, True])
    means = torch.tensor([[3.0, 0.0], [4.0, 4.0], [0.0, 0.0]])
    counts = torch.tensor([2, 1, 0])
    update_prototypes_(prototypes, known, means, counts, momentum=0.9)
    want = torch.tensor([[1.2, 1.8], [4.0, 4.0], [5.0, 5.0]])
    torch.testing.assert_close(prototypes, want)
    assert known.all()
    update_prototypes_(prototypes, known, means, counts, momentum=0.0)
    want = torch.tensor([[3.0, 0.0], [4.0, 4.0], [5.0, 5.0]])
    torch.testing.assert_close(prototypes, want)


def test_denoising_pixel_by_pixel(batch):
    features, _ = batch
    generator = torch.Generator().manual_seed(1)
    prototypes = torch.randn(3, 4, generator=generator)
    logits = 3 * torch.randn(2, 3, 3, 5, generator=generator)
    weights = prototype_log_weights(features, prototypes)
    denoised = denoised_logits(logits, weights)
    for n, y, x in np.ndindex(2, 3, 5):
        z = features[n, :, y, x].double().numpy()
        centers = prototypes.double().numpy()
        near = np.exp(-np.array([np.linalg.norm(z - center) for center in centers]))
        w = near / near.sum()
        np.testing.assert_allclose(weights[n, :, y, x].exp(), w, rtol=1e-4)
        p = np.exp(logits[n, :, y, x].double().numpy())
        star = w * p / p.sum()
        got = denoised[n, :, y, x].softmax(0)
        np.testing.assert_allclose(got, star / star.sum(), rtol=1e-4)


def test_unknown_class_is_as_near_as_the_nearest_known_one():
    features = torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)
    prototypes = torch.tensor([[0.0, 0.0], [3.0, 1.0], [0.0, 0.0]])
    known = torch.tensor([True, True, False])
    got = prototype_log_weights(features, prototypes, known)[0, :, 0, 0].exp()
    raw = torch.tensor([math.exp(-5), math.exp(-3), math.exp(-3)])
    torch.testing.assert_close(got, raw / raw.sum())
    got = prototype_log_weights(features, prototypes, torch.zeros(3, dtype=torch.bool))
    torch.testing.assert_close(got.exp(), torch.full((1, 3, 1, 1), 1 / 3))


def test_weights_of_images_and_of_smaller_maps(batch):
    features, _ = batch
    prototypes = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
    logits = torch.zeros(2, 3, 6, 10)
    image = prototype_log_weights(features.mean((2, 3), keepdim=True), prototypes)
    got = denoised_logits(logits, image)
    torch.testing.assert_close(got, image.expand(2, 3, 6, 10))
    pixels = denoised_logits(logits, prototype_log_weights(features, prototypes))
    assert pixels.shape == logits.shape
    assert pixels.dtype == torch.float32


def test_distances_of_unit_vectors(batch):
    features, _ = batch
    prototypes = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
    got = prototype_log_weights(5 * features, 0.1 * prototypes, unit=True)
    for n, y, x in np.ndindex(2, 3, 5):
        z = F.normalize(features[n, :, y, x], dim=0)
        distance = (z - F.normalize(prototypes, dim=1)).norm(dim=1)
        torch.testing.assert_close(got[n, :, y, x], (-distance).log_softmax(0))


@pytest.mark.parametrize('value', [torch.nan, torch.inf, -torch.inf])
def test_an_embedding_that_is_not_finite_counts_for_nothing(batch, value):
    features, labels = batch
    labels = labels.clone()
    labels[1, 2, 3] = 1
    broken = features.clone()
    broken[1, 0, 2, 3] = value
    means, counts = class_means(broken, labels, num_classes=5)
    without = labels.clone()
    without[1, 2, 3] = 255
    want, want_counts = class_means(features, without, num_classes=5)
    assert torch.equal(means, want) and torch.equal(counts, want_counts)
    prototypes = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
    weights = prototype_log_weights(broken, prototypes)
    assert not weights[1, :, 2, 3].any() and weights.isfinite().all()
