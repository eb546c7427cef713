import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mmseg_labelfree.datasets import choose_labeled

presence = st.integers(1, 20).flatmap(
    lambda n: st.integers(0, 5).flatmap(lambda c: arrays(bool, (n, c)))
)


@settings(deadline=None)
@given(presence, st.integers(0, 1000), st.booleans(), st.data())
def test_right_number_and_nested(present, seed, balanced, data):
    num = len(present)
    small = data.draw(st.integers(1, num))
    large = data.draw(st.integers(small, num))
    given_ = present if balanced else None
    few = choose_labeled(num, small, seed, given_)
    many = choose_labeled(num, large, seed, given_)
    assert len(few) == len(set(few.tolist())) == small
    assert (np.diff(few) > 0).all() and few[-1] < num and few[0] >= 0
    assert set(few.tolist()) <= set(many.tolist())
    assert np.array_equal(few, choose_labeled(num, small, seed, given_))


@settings(deadline=None)
@given(presence, st.integers(0, 1000), st.data())
def test_balanced_draw_serves_the_least_seen_class(present, seed, data):
    """Replay the draw image by image, by its definition."""
    num = data.draw(st.integers(1, len(present)))
    drawn: list[int] = []
    for count in range(1, num + 1):
        now = choose_labeled(len(present), count, seed, present)
        (image,) = set(now.tolist()) - set(drawn)
        free = np.setdiff1d(np.arange(len(present)), drawn)
        open_ = [c for c in range(present.shape[1]) if present[free, c].any()]
        if open_:
            seen = {c: present[drawn, c].sum() for c in open_}
            least = [c for c in open_ if seen[c] == min(seen.values())]
            assert present[image, least].any()
        drawn.append(image)


def test_rare_classes_come_first():
    rng = np.random.default_rng(0)
    present = np.zeros((200, 6), bool)
    present[np.arange(200), rng.choice(6, 200, p=[0.7, 0.1, 0.1, 0.04, 0.03, 0.03])] = 1
    for seed in range(5):
        chosen = present[choose_labeled(200, 18, seed, present)].sum(0)
        assert chosen.tolist() == [3] * 6
    plain = present[choose_labeled(200, 18, 0)].sum(0)
    assert plain[0] > 8


def test_seeds_differ_and_bounds():
    assert not np.array_equal(choose_labeled(50, 9, 0), choose_labeled(50, 9, 1))
    for number in (0, 6):
        with pytest.raises(ValueError, match=f'choose {number} labeled images from 5'):
            choose_labeled(5, number)
