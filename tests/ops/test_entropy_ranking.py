import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmseg_labelfree.ops import foreground_entropy, rank_and_split


def slow_entropy(logits, foreground):
    """Eq. 6 and 7, pixel by pixel, in double precision."""
    values = []
    for x, inside in zip(logits.double(), foreground, strict=True):
        total, count = 0.0, 0
        for h in range(x.shape[1]):
            for w in range(x.shape[2]):
                if not inside[h, w]:
                    continue
                p = [math.exp(v) for v in (x[:, h, w] - x[:, h, w].max()).tolist()]
                p = [v / sum(p) for v in p]
                entropy = -sum(v * math.log(v) for v in p if v > 0)
                total += entropy / math.log(len(p))
                count += 1
        values.append(total / count if count else math.nan)
    return values


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.bfloat16])
def test_foreground_entropy_is_the_slow_one(dtype):
    torch.manual_seed(0)
    logits = (3 * torch.randn(4, 5, 6, 7)).to(dtype)
    foreground = torch.rand(4, 6, 7) < torch.tensor([0.5, 0.1, 0.0, 1.0])[:, None, None]
    found = foreground_entropy(logits, foreground)
    assert found.shape == (4,) and torch.isnan(found[2])
    np.testing.assert_allclose(found, slow_entropy(logits, foreground), rtol=1e-5)


def test_entropy_is_a_share_of_the_largest():
    logits = torch.zeros(1, 7, 2, 2)
    inside = torch.ones(1, 2, 2, dtype=torch.bool)
    assert foreground_entropy(logits, inside).item() == pytest.approx(1)
    logits[:, 3] = 100
    assert foreground_entropy(logits, inside).item() == pytest.approx(0, abs=1e-30)


def test_sizes_that_do_not_fit():
    inside = torch.ones(1, 2, 2, dtype=torch.bool)
    for logits in (torch.zeros(1, 1, 2, 2), torch.zeros(1, 3, 4, 4)):
        with pytest.raises(ValueError, match='two classes or more and one size'):
            foreground_entropy(logits, inside)


scores = st.lists(st.sampled_from([0.1, 0.2, 0.25, 0.7, 0.9, math.nan]), max_size=30)


@given(scores, st.floats(0, 1))
def test_split_is_the_slow_one(values, keep):
    ranked = [i for i, v in enumerate(values) if not math.isnan(v)]
    ranked = sorted(ranked, key=lambda i: (values[i], i))
    number = math.floor(keep * len(ranked) + 1e-9)
    ranking = rank_and_split(np.array(values), keep)
    assert np.flatnonzero(ranking.kept).tolist() == sorted(ranked[:number])
    rest = [i for i, v in enumerate(values) if math.isnan(v)]
    assert ranking.order.tolist() == ranked + rest
    if number:
        assert ranking.threshold == values[ranked[number - 1]]
    else:
        assert math.isnan(ranking.threshold)


def test_shares_of_the_paper():
    assert rank_and_split(np.arange(2836) / 3000, 0.67).kept.sum() == 1900
    assert rank_and_split(np.arange(10) / 10, 0.5).kept.tolist() == [True] * 5 + (
        [False] * 5
    )
    assert rank_and_split(np.arange(100) / 100, 0.07).kept.sum() == 7  # not 6.999...
    with pytest.raises(ValueError, match='keep=67 is no share between 0 and 1'):
        rank_and_split(np.zeros(3), 67)
