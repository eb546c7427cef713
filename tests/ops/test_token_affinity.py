import pytest
import torch
from torch.testing import assert_close

from mmseg_labelfree.ops import (
    affinity_loss,
    affinity_targets,
    propagate_activations,
)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def labels(generator):
    labels = torch.randint(0, 3, (2, 4, 5), generator=generator)
    return labels.masked_fill_(torch.rand(2, 4, 5, generator=generator) < 0.2, 255)


@pytest.fixture
def affinity(generator):
    return torch.rand(2, 20, 20, dtype=torch.double, generator=generator)


def apart(i, j):
    """Distance of two of 4 x 5 tokens."""
    return max(abs(i // 5 - j // 5), abs(i % 5 - j % 5))


@pytest.mark.parametrize('radius', [0, 1, 2, 8])
def test_targets_by_loops(labels, radius):
    found = affinity_targets(labels, radius)
    for n, tokens in enumerate(labels.flatten(1).tolist()):
        for i, first in enumerate(tokens):
            for j, second in enumerate(tokens):
                want = int(first == second)
                if 255 in (first, second) or apart(i, j) > radius:
                    want = 255
                assert found[n, i, j] == want
    assert torch.equal(found, found.transpose(1, 2))


def test_tokens_take_the_nearest_pixel(labels):
    large = labels.repeat_interleave(16, 1).repeat_interleave(16, 2)
    found = affinity_targets(large, size=(4, 5))
    assert torch.equal(found, affinity_targets(labels))


def test_another_index_is_ignored(labels):
    moved = labels.masked_fill(labels == 255, 7)
    assert torch.equal(affinity_targets(moved, ignore=7), affinity_targets(labels))


def slow_loss(affinity, targets):
    sums, counts = [0.0, 0.0], [1, 1]
    for a, target in zip(affinity.flatten(), targets.flatten().tolist(), strict=True):
        if target != 255:
            sums[target] = sums[target] + (1 - a if target else a)
            counts[target] += 1
    return 0.5 * sums[0] / counts[0] + 0.5 * sums[1] / counts[1]


def test_loss_by_loops(affinity, labels):
    targets = affinity_targets(labels, 2)
    affinity.requires_grad_()
    found, want = affinity_loss(affinity, targets), slow_loss(affinity, targets)
    assert_close(found, want)
    assert_close(
        torch.autograd.grad(found, affinity), torch.autograd.grad(want, affinity)
    )


def test_gradcheck(affinity, labels):
    targets = affinity_targets(labels, 2)
    assert torch.autograd.gradcheck(
        lambda a: affinity_loss(a, targets), affinity.requires_grad_()
    )


@pytest.mark.parametrize('label', [0, 255])
def test_one_kind_of_pairs_or_none(affinity, label):
    targets = affinity_targets(torch.full((2, 4, 5), label))
    loss = affinity_loss(affinity.requires_grad_(), targets)
    loss.backward()
    assert loss.isfinite()
    assert affinity.grad.isfinite().all()
    if label == 255:
        assert loss == 0
        assert not affinity.grad.any()


def test_loss_of_half_precision(affinity, labels):
    targets = affinity_targets(labels)
    half = affinity.bfloat16()
    found = affinity_loss(half, targets)
    assert found.dtype == torch.float32
    assert_close(found, affinity_loss(half.float(), targets))


@pytest.mark.parametrize(('radius', 'power', 'eps'), [(8, 2, 0.1), (1, 3.0, 1e-4)])
def test_propagation_by_loops(generator, affinity, radius, power, eps):
    maps = torch.rand(2, 3, 4, 5, dtype=torch.double, generator=generator)
    before = affinity.clone()
    found = propagate_activations(maps, affinity, radius, power, eps)
    assert torch.equal(affinity, before)
    for n in range(2):
        for j in range(20):
            near = [i for i in range(20) if apart(i, j) <= radius]
            weights = {i: affinity[n, i, j] ** power for i in near}
            total = sum(weights.values()) + eps
            want = sum(
                maps[n, :, i // 5, i % 5] * w / total for i, w in weights.items()
            )
            assert_close(found[n, :, j // 5, j % 5], want)


def test_alike_tokens_alone_keep_their_activations(generator):
    maps = torch.rand(1, 2, 4, 5, dtype=torch.double, generator=generator)
    alike = torch.eye(20, dtype=torch.double)[None]
    assert_close(propagate_activations(maps, alike, eps=0.0), maps)


def test_activations_are_spread_in_float32_under_autocast(generator):
    maps = torch.rand(1, 2, 4, 5, generator=generator)
    affinity = torch.rand(1, 20, 20, generator=generator)
    expected = propagate_activations(maps, affinity)
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(propagate_activations(maps, affinity), expected)


def test_other_shapes(affinity, labels):
    with pytest.raises(
        ValueError, match=r'\(2, 20, 20\) and its targets \(2, 12, 12\)'
    ):
        affinity_loss(affinity, affinity_targets(labels[:, :3, :4]))
    with pytest.raises(ValueError, match=r'shape \(1, 6, 6\), got \(2, 20, 20\)'):
        propagate_activations(torch.zeros(1, 3, 2, 3), affinity)
