import math

import pytest
import torch

from mmseg_labelfree.ops import (
    draw_rotations,
    negative_pair_loss,
    positive_pair_loss,
    unit_embeddings,
)

from .test_pair_sums import inputs


def slow_pairs(first, second, u, u2, rotation):
    """Every pair of pixels as (affinity, p), one by one."""
    pairs = []
    num = len(first)
    for n in range(num):
        other = (n + rotation) % num
        for i in range(first.shape[2]):
            for j in range(second.shape[2]):
                affinity = sum(
                    a * b
                    for a, b in zip(
                        u[n, :, i].tolist(), u2[other, :, j].tolist(), strict=True
                    )
                )
                p = sum(
                    a * b
                    for a, b in zip(
                        first[n, :, i].tolist(),
                        second[other, :, j].tolist(),
                        strict=True,
                    )
                )
                pairs.append((affinity, p))
    return pairs


POSITIVE = dict(
    exp=lambda p: math.exp(1 - p), linear=lambda p: 1 - p, log=lambda p: -math.log(p)
)
NEGATIVE = dict(exp=math.exp, linear=lambda p: p, log=lambda p: -math.log(1 - p))


def slow_positive(data, threshold, function, weighted):
    pairs = [(a, p) for a, p in slow_pairs(*data, 0) if a > threshold]
    h = POSITIVE[function]
    terms = [(a if weighted else 1) * h(p) for a, p in pairs]
    return sum(terms) / max(len(pairs), 1)


def slow_negative(data, rotations, threshold, function, weighted, variant):
    sums = []
    for rotation in rotations:
        total = count = 0
        for a, p in slow_pairs(*data, rotation):
            if a < threshold:
                weight = 1 - (max(a, 0) if variant == 'official' else a)
                total += (weight if weighted else 1) * NEGATIVE[function](p)
                count += 1
        sums.append((total, count))
    if variant == 'official':
        return sum(t / max(c, 1) for t, c in sums) / len(sums)
    return sum(t for t, _ in sums) / max(sum(c for _, c in sums), 1)


@pytest.mark.parametrize('weighted', [True, False])
@pytest.mark.parametrize('function', ['exp', 'linear', 'log'])
def test_losses_equal_a_double_loop(function, weighted):
    data = inputs()
    found = positive_pair_loss(*data, 0.2, function, weighted)
    expected = slow_positive(data, 0.2, function, weighted)
    assert found.item() == pytest.approx(expected, rel=1e-12)
    values = set()
    for variant in ('paper', 'official'):
        found = negative_pair_loss(
            *data, [1, 3], 0.12, function, weighted, variant
        ).item()
        expected = slow_negative(data, [1, 3], 0.12, function, weighted, variant)
        assert found == pytest.approx(expected, rel=1e-12)
        values.add(found)
    assert len(values) == 2


def test_embeddings_get_no_gradient_and_maps_may_have_any_shape():
    v, v2, u, u2 = (t.float() for t in inputs(pixels=(6, 6)))
    u.requires_grad_()
    v.requires_grad_()
    flat = positive_pair_loss(v, v2, u, u2)
    shaped = positive_pair_loss(*(t.unflatten(2, (2, 3)) for t in (v, v2, u, u2)))
    assert flat.item() == shaped.item()
    flat.backward()
    assert u.grad is None and v.grad.abs().sum() > 0


def test_autocast_does_not_round():
    data = [t.float() for t in inputs()]
    expected = negative_pair_loss(*data, [1])
    with torch.autocast('cpu', torch.bfloat16):
        found = negative_pair_loss(*data, [1])
    assert found.dtype == torch.float32 and found.item() == expected.item()


def test_logarithm_stays_finite():
    v = torch.tensor([[[1.0], [0.0]]], requires_grad=True)
    v2 = torch.tensor([[[0.0], [1.0]]])
    u = torch.ones(1, 1, 1)
    loss = positive_pair_loss(v, v2, u, u, function='log')
    loss.backward()
    assert loss.item() == pytest.approx(-math.log(1e-6), rel=1e-5)
    assert v.grad.tolist() == [[[0.0], [0.0]]]


def test_no_pair_costs_nothing():
    v, v2, u, _ = inputs()
    v.requires_grad_()
    loss = positive_pair_loss(v, v2, u, torch.zeros(4, 5, 7).double(), 0.5)
    loss.backward()
    assert loss.item() == 0 and v.grad.abs().sum() == 0


def test_rotations_are_different_and_move_every_image():
    for seed in range(30):
        drawn = draw_rotations(5, 3, torch.Generator().manual_seed(seed))
        assert len(set(drawn)) == 3 and set(drawn) <= {1, 2, 3, 4}
    with pytest.raises(ValueError, match='need a batch of 4 images or more'):
        draw_rotations(3, 3)


def test_rotations_of_the_authors_may_be_equal_and_leave_out_the_last():
    drawn = [
        draw_rotations(5, 3, torch.Generator().manual_seed(seed), 'official')
        for seed in range(100)
    ]
    counts = torch.tensor(drawn).flatten().bincount()
    assert len(counts) == 4 and counts[0] == 0 and counts[1:].min() > 60
    assert any(len(set(rotations)) < 3 for rotations in drawn)
    assert draw_rotations(3, 3, variant='official') == [1, 1, 1]
    with pytest.raises(ValueError, match='need a batch of 3 images or more'):
        draw_rotations(2, 1, variant='official')


def test_unit_embeddings_of_rows_and_maps():
    rows = torch.randn(7, 5, generator=torch.Generator().manual_seed(0)) + 1
    want = torch.nn.functional.normalize(rows - rows.mean(0), dim=1)
    (found,) = unit_embeddings([rows], centered=True)
    torch.testing.assert_close(found, want)
    maps = rows.t().reshape(1, 5, 7, 1).half().requires_grad_()
    (found,) = unit_embeddings([maps])
    assert found.dtype == torch.float32 and not found.requires_grad
    torch.testing.assert_close(found.norm(dim=1), torch.ones(1, 7, 1))


def test_unknown_variant():
    with pytest.raises(ValueError, match="got 'code'"):
        negative_pair_loss(*inputs(), [1], variant='code')
