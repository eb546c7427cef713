"""Against the numbers of github.com/lhoyer/DAFormer e6f6e04 and slow loops."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_labelfree.ops import feature_distance, majority_labels, shrink_labels

THINGS = (6, 7, *range(11, 19))
# fmt: off
SMALL = [
    255, 255, 11, 255, 255, 255, 255, 255, 13, 255, 2, 255, 255, 255, 2, 255, 18, 255,
    2, 255, 255, 255, 255, 255, 2, 255, 255, 255, 255, 255, 255, 255, 6, 255, 255, 2,
    255, 255, 255, 2, 0, 255, 255, 2, 255, 255, 255, 255,
]
# fmt: on


def pattern(num, height, width, classes):
    i, y, x = torch.meshgrid(*map(torch.arange, (num, height, width)), indexing='ij')
    return torch.tensor(classes)[(2 * i + 3 * y + 5 * x) % len(classes)]


@pytest.fixture
def blocks():
    """Labels in blocks of 4 x 4, with ignored pixels and pixels of class 2."""
    labels = pattern(2, 4, 6, [0, 6, 2, 11, 255, 18, 13])
    labels = labels.repeat_interleave(4, 1).repeat_interleave(4, 2)
    labels.view(-1)[::5] = 255
    labels.view(-1)[::7] = 2
    return labels


def test_majority_of_the_authors_code(blocks):
    assert majority_labels(blocks, (4, 4)).flatten().tolist() == SMALL
    odd = pattern(1, 11, 14, [3, 3, 3, 3, 3, 7])
    assert majority_labels(odd, (4, 4)).tolist() == [[[3] * 3] * 2]


@pytest.mark.parametrize('side', [128, 129, 136])
def test_positions_see_the_pixels_of_their_stride(side):
    """A crop of 129 pixels has 17 positions at stride 8, the last one beyond it."""
    labels = (torch.arange(side) // 8).expand(1, side, side)
    positions = -(-side // 8)
    small = shrink_labels(labels, (positions, positions), 1.0)
    whole = side // 8
    assert small[0, :whole, :whole].tolist() == [list(range(whole))] * whole
    assert (small[0, whole:] == 255).all() and (small[0, :, whole:] == 255).all()


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 2**31),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.floats(0, 1),
)
def test_majority_by_a_slow_loop(seed, factor, share):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 4, (2, 9, 7), generator=generator)
    labels[labels == 3] = 255
    found = majority_labels(labels, factor, share)
    rows, columns = factor
    assert found.shape == (2, 9 // rows, 7 // columns)
    for n, y, x in torch.cartesian_prod(*map(torch.arange, found.shape)).view(-1, 3):
        window = labels[n, y * rows : (y + 1) * rows, x * columns : (x + 1) * columns]
        values = window.flatten().tolist()
        best = max(sorted(set(values)), key=values.count)
        enough = values.count(best) >= share * rows * columns
        assert found[n, y, x] == (best if enough else 255)


def authors_case(wave):
    return wave(2, 8, 4, 6).requires_grad_(), wave(2, 8, 4, 6, phase=0.5)


@pytest.mark.parametrize(
    ('masked', 'value', 'norm', 'first'),
    [
        (True, 0.0142612552, 0.0025, [0, 0, -0.000500535783, 0]),
        (
            False,
            0.0144074039,
            0.000721687836,
            [-4.77433378e-05, -4.55968346e-05, -4.17113153e-05, -3.55197372e-05],
        ),
    ],
)
def test_distance_of_the_authors_code(wave, blocks, masked, value, norm, first):
    features, frozen = authors_case(wave)
    small = majority_labels(blocks, (4, 4))
    mask = torch.isin(small, torch.tensor(THINGS))
    assert mask.sum() == 4
    loss = 0.005 * feature_distance(features, frozen, mask if masked else mask | True)
    loss.backward()
    assert loss.item() == pytest.approx(value, abs=1e-10)
    assert features.grad.norm().item() == pytest.approx(norm, abs=1e-10)
    assert features.grad.flatten()[:4].tolist() == pytest.approx(first, abs=1e-12)


def test_no_position_gives_an_attached_zero(wave):
    """Their code gives NaN."""
    features, frozen = authors_case(wave)
    loss = feature_distance(features, frozen, torch.zeros(2, 4, 6, dtype=torch.bool))
    loss.backward()
    assert loss == 0 and not features.grad.any()


def test_equal_features_have_a_finite_gradient():
    """At the first step the student is the frozen encoder."""
    features = torch.randn(1, 3, 2, 2, requires_grad=True)
    mask = torch.ones(1, 2, 2, dtype=torch.bool)
    feature_distance(features, features.detach(), mask).backward()
    assert not features.grad.any()


def test_gradient():
    generator = torch.Generator().manual_seed(0)
    features, frozen = torch.randn(2, 2, 3, 3, 2, generator=generator).double()
    mask = torch.rand(2, 3, 2, generator=generator) < 0.5
    assert torch.autograd.gradcheck(
        lambda x: feature_distance(x, frozen, mask), features.requires_grad_()
    )


def test_half_precision_is_computed_in_single(wave):
    features, frozen = (x.detach().bfloat16() for x in authors_case(wave))
    mask = torch.ones(2, 4, 6, dtype=torch.bool)
    half = feature_distance(features, frozen, mask)
    assert half.dtype == torch.float32
    torch.testing.assert_close(
        half, feature_distance(features.float(), frozen.float(), mask)
    )


def part_of_a_process(features, frozen, mask):
    import torch.distributed as dist

    rows = [[0], [1, 2]][dist.get_rank()]
    own = features[rows].requires_grad_()
    loss = feature_distance(own, frozen[rows], mask[rows])
    (grad,) = torch.autograd.grad(loss, own)
    return loss.item(), grad.numpy()


@pytest.mark.slow
def test_two_processes_equal_one(in_two_processes):
    generator = torch.Generator().manual_seed(0)
    features, frozen = torch.randn(2, 3, 4, 5, 6, generator=generator)
    mask = torch.rand(3, 5, 6, generator=generator) < 0.3
    parts = in_two_processes(part_of_a_process, features.clone(), frozen, mask)
    features.requires_grad_()
    whole = feature_distance(features, frozen, mask)
    (grad,) = torch.autograd.grad(whole, features)
    assert sum(part[0] for part in parts) / 2 == pytest.approx(whole.item(), rel=1e-6)
    parts = torch.cat([torch.from_numpy(part[1]) for part in parts])
    torch.testing.assert_close(parts / 2, grad)
