"""Complementary dropout against the authors' numbers (UniMatch V2) and a slow loop."""

import pytest
import torch
from torch.testing import assert_close

from mmseg_labelfree.ops import complementary_factors, draw_complementary_factors

from ..reference_inputs import wave


def test_authors_numbers():
    """LiheYoung/UniMatch-V2: 3 images, 8 channels, 4 levels of 4 tokens."""
    places = torch.arange(3 * 8).view(3, 8)
    kept = (7919 * places + 13) % 10 < 5
    factors = complementary_factors(kept, torch.tensor([False, False, True]))
    assert factors.tolist() == [
        [2, 2, 2, 2, 0, 0, 0, 0],
        [0, 2, 2, 2, 2, 2, 0, 0],
        [1, 1, 1, 1, 1, 1, 1, 1],
        [0, 0, 0, 0, 2, 2, 2, 2],
        [2, 0, 0, 0, 0, 0, 2, 2],
        [1, 1, 1, 1, 1, 1, 1, 1],
    ]
    tokens = [wave(6, 4, 8, phase=phase) for phase in (0.0, 0.5, 1.0, 1.5)]
    thinned = [x * factors[:, None] for x in tokens]
    sums = torch.stack([x.sum() for x in thinned])
    norms = torch.stack([x.norm() for x in thinned])
    want = [4.0897737957, 2.7968511724, 0.8191618384, -1.3590868828]
    assert_close(sums, torch.tensor(want, dtype=sums.dtype), rtol=0, atol=1e-9)
    want = [38.0465556053, 37.9756714383, 37.8785514289, 37.8445855648]
    assert_close(norms, torch.tensor(want, dtype=sums.dtype), rtol=0, atol=1e-9)


def test_factors_by_a_slow_loop():
    generator = torch.Generator().manual_seed(0)
    kept = torch.rand(5, 7, generator=generator) < 0.5
    untouched = torch.rand(5, generator=generator) < 0.5
    factors = complementary_factors(kept, untouched)
    for image in range(5):
        for channel in range(7):
            first = 2.0 if kept[image, channel] else 0.0
            pair = (1.0, 1.0) if untouched[image] else (first, 2.0 - first)
            found = factors[image, channel], factors[5 + image, channel]
            assert tuple(map(float, found)) == pair


@pytest.mark.parametrize(
    ('num', 'untouched', 'whole'),
    [(1, 0.5, 0), (3, 0.5, 1), (8, 0.5, 4), (4, 0.0, 0), (4, 1.0, 4)],
)
def test_draws(num, untouched, whole):
    generator = torch.Generator().manual_seed(1)
    levels = draw_complementary_factors(
        num, [64, 32, 64], untouched, generator=generator
    )
    assert torch.equal(levels[0], levels[2])
    for factors, width in zip(levels, (64, 32, 64), strict=True):
        assert factors.shape == (2 * num, width)
        first, second = factors.tensor_split(2)
        assert torch.equal(first + second, torch.full((num, width), 2.0))
        same = (first == 1).all(1)
        assert same.sum() == whole
        assert torch.equal(same, (levels[0][:num] == 1).all(1))
        assert torch.isin(first[~same], torch.tensor([0.0, 2.0])).all()


def test_each_image_and_channel_is_as_likely():
    generator = torch.Generator().manual_seed(2)
    whole, kept = torch.zeros(4), torch.zeros(6)
    for _ in range(2000):
        (factors,) = draw_complementary_factors(4, [6], generator=generator)
        same = (factors[:4] == 1).all(1)
        whole += same
        kept += factors[:4][~same].mean(0) / 2
    assert_close(whole / 2000, torch.full((4,), 0.5), rtol=0, atol=0.05)
    assert_close(kept / 2000, torch.full((6,), 0.5), rtol=0, atol=0.05)
