import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_labelfree.ops.contrast_pairs import (
    anchor_classes,
    clamp_ranks,
    negative_classes,
    sample_per_class,
)


def make_maps(num_classes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(3, num_classes, 4, 5, generator=generator)
    labels = torch.randint(0, num_classes, (3, 4, 5), generator=generator)
    labels[0, 0] = 255
    labels[2, 1] = 255
    flags = torch.rand(3, 4, 5, generator=generator) < 0.5
    return logits, labels, flags


def test_anchors_pixel_by_pixel():
    logits, labels, reliable = make_maps(4)
    got = anchor_classes(logits, labels, reliable, threshold=0.3)
    for n, y, x in np.ndindex(*labels.shape):
        p = logits[n, :, y, x].softmax(0)
        label = labels[n, y, x].item()
        good = label != 255 and reliable[n, y, x] and p[label] > 0.3
        assert got[n, y, x] == (label if good else -1)
    assert (got >= 0).any()


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 25), st.integers(1, 5), st.integers(1, 22), st.integers(0, 99))
def test_negatives_pixel_by_pixel(num_classes, low, extra, seed):
    low, high = clamp_ranks(num_classes, low, low + extra)
    logits, labels, unreliable = make_maps(num_classes, seed)
    labeled = seed % 4
    arguments = (logits, labels, unreliable, labeled, low, high)
    paper = negative_classes(*arguments)
    for n, y, x in np.ndindex(*labels.shape):
        order = np.argsort(-logits[n, :, y, x].numpy(), kind='stable')
        label = labels[n, y, x].item()
        for rank, c in enumerate(order):
            if n < labeled:
                want = label not in (c, 255) and rank < low
            else:
                want = bool(unreliable[n, y, x]) and low <= rank < high
            assert paper[n, c, y, x] == want


def test_negatives_of_half_precision_with_equal_probabilities():
    logits = torch.zeros(2, 21, 3, 3, dtype=torch.bfloat16)
    labels = torch.zeros(2, 3, 3, dtype=torch.long)
    unreliable = torch.ones(2, 3, 3, dtype=torch.bool)
    got = negative_classes(logits, labels, unreliable, 1)
    assert (got[0].sum(0) <= 3).all()
    assert not got[0, 0].any()
    assert (got[1].sum(0) >= 17).all()
    assert (got[1].sum(0) <= 18).all()


@pytest.mark.parametrize(
    ('num_classes', 'want'), [(2, (1, 2)), (3, (2, 3)), (4, (3, 4)), (13, (3, 13))]
)
def test_ranks_with_few_classes(num_classes, want):
    assert clamp_ranks(num_classes, 3, 20) == want
    assert clamp_ranks(150, 3, 20) == (3, 20)


def test_ranks_out_of_range():
    with pytest.raises(ValueError, match='at least 2 classes'):
        clamp_ranks(1, 3, 20)
    with pytest.raises(ValueError, match='below high_rank'):
        clamp_ranks(21, 20, 3)
    with pytest.raises(ValueError, match='low_rank must be at least 1'):
        clamp_ranks(21, 0, 3)


def test_sampling_is_uniform_over_the_pixels_of_a_class():
    classes = torch.tensor([2, -1, 0, 2, 2, -1, 0, 4])
    generator = torch.Generator().manual_seed(0)
    index, counts = sample_per_class(classes, 5, 6000, generator)
    assert counts.tolist() == [2, 0, 3, 0, 1]
    assert index.shape == (5, 6000)
    assert ((index >= 0) & (index < 8)).all()
    for c in (0, 2, 4):
        places, times = index[c].unique(return_counts=True)
        assert places.tolist() == (classes == c).nonzero()[:, 0].tolist()
        assert (times - 6000 / len(places)).abs().max() < 200


def test_sampling_without_any_class():
    index, counts = sample_per_class(torch.full((7,), -1), 3, 4)
    assert not counts.any()
    assert ((index >= 0) & (index < 7)).all()
