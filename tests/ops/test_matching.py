from itertools import permutations, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_labelfree.ops.matching import (
    hungarian_matching,
    majority_matching,
    overlap_scores,
)


def slow_score(confusion, k, c, maximize):
    if maximize == 'pixels':
        return confusion[k][c]
    union = sum(confusion[k]) + sum(row[c] for row in confusion) - confusion[k][c]
    return confusion[k][c] / union if union else 0


@st.composite
def confusions(draw):
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    row = st.lists(st.integers(0, 9) | st.just(0), min_size=columns, max_size=columns)
    return draw(st.lists(row, min_size=rows, max_size=rows))


@settings(max_examples=100, deadline=None)
@given(confusions(), st.sampled_from(['iou', 'pixels']))
def test_hungarian_equals_brute_force(confusion, maximize):
    clusters, classes = len(confusion), len(confusion[0])
    # All one-to-one matchings: classes padded by "none" for the left-over clusters.
    options = [*range(classes), *[None] * max(0, clusters - classes)]
    best = max(
        sum(
            slow_score(confusion, k, c, maximize)
            for k, c in enumerate(choice)
            if c is not None
        )
        for choice in permutations(options, clusters)
    )
    matched = hungarian_matching(torch.tensor(confusion), maximize)
    used = [c for c in matched.tolist() if c >= 0]
    assert len(used) == len(set(used)) == min(clusters, classes)
    total = sum(
        slow_score(confusion, k, c, maximize)
        for k, c in enumerate(matched.tolist())
        if c >= 0
    )
    assert total == pytest.approx(best)


@settings(max_examples=100, deadline=None)
@given(confusions(), st.sampled_from(['iou', 'pixels']))
def test_majority_equals_brute_force(confusion, maximize):
    clusters, classes = len(confusion), len(confusion[0])
    matched = majority_matching(np.array(confusion), maximize).tolist()
    totals = (
        {
            choice: sum(
                slow_score(confusion, k, c, maximize) for k, c in enumerate(choice)
            )
            for choice in product(range(classes), repeat=clusters)
        }
        if classes**clusters <= 300
        else {}
    )
    for k in range(clusters):
        scores = [slow_score(confusion, k, c, maximize) for c in range(classes)]
        expected = scores.index(max(scores)) if any(confusion[k]) else -1
        assert matched[k] == expected
    if totals:
        total = sum(
            slow_score(confusion, k, c, maximize)
            for k, c in enumerate(matched)
            if c >= 0
        )
        assert total == pytest.approx(max(totals.values()))


def test_iou_and_pixels_differ():
    # The large class takes most of both clusters, the small one lies in cluster 1.
    confusion = [[90, 0], [30, 20]]
    assert majority_matching(confusion, 'pixels').tolist() == [0, 0]
    assert majority_matching(confusion).tolist() == [0, 1]


@pytest.mark.parametrize(
    'confusion, maximize, message',
    [
        ([1, 2], 'iou', r'got shape \(2,\)'),
        ([[0.5]], 'iou', 'float64'),
        ([[-1]], 'iou', 'negative count, -1'),
        (np.zeros((0, 3), int), 'iou', r'shape \(0, 3\)'),
        ([[1]], 'accuracy', "not 'accuracy'"),
    ],
)
def test_bad_input(confusion, maximize, message):
    with pytest.raises(ValueError, match=message):
        overlap_scores(confusion, maximize)
