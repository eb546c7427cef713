import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmseg_labelfree.ops import rare_class_probabilities

# Pixels of the classes 0 to 4 in three images.
PIXELS = np.array([[500, 30, 2, 0, 0], [300, 0, 5, 0, 8], [200, 100, 0, 0, 0]])


@pytest.mark.parametrize(
    ('temperature', 'expected'),
    [
        (0.01, {2: 0.521814309, 4: 0.4781744146, 1: 1.12763656e-05, 0: 0.0}),
        (0.1, {2: 0.4286263588, 4: 0.4248991966, 1: 0.1464010499, 0: 7.33947037e-05}),
    ],
)
def test_numbers_of_the_authors_code(temperature, expected):
    """lhoyer/DAFormer e6f6e04, datasets/uda_dataset.py, get_rcs_class_probs."""
    found = rare_class_probabilities(PIXELS.sum(0), temperature)
    for cls, probability in expected.items():
        assert found[cls] == pytest.approx(probability, rel=1e-8, abs=1e-12)
    assert found[3] == 0  # it never occurs


@given(
    st.lists(st.integers(0, 10**12), min_size=1, max_size=30).filter(any),
    st.floats(0.05, 10),
)
def test_equation(pixels, temperature):
    found = rare_class_probabilities(np.array(pixels), temperature)
    present = [(c, n / sum(pixels)) for c, n in enumerate(pixels) if n]
    total = sum(math.exp((1 - f) / temperature) for _, f in present)
    for c, f in present:
        expected = math.exp((1 - f) / temperature) / total
        assert found[c] == pytest.approx(expected, rel=1e-9)
    assert found.sum() == pytest.approx(1)
    assert not found[[c for c, n in enumerate(pixels) if not n]].any()


def test_small_temperatures_neither_overflow_nor_vanish():
    found = rare_class_probabilities(np.array([10**9, 1]), 1e-9)
    assert found.tolist() == [0.0, 1.0]


def test_wrong_arguments():
    with pytest.raises(ValueError, match='temperature=0 must be above 0'):
        rare_class_probabilities(np.array([1]), 0)
    with pytest.raises(ValueError, match='no class has a pixel'):
        rare_class_probabilities(np.array([0, 0]))
