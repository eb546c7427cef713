import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmseg_labelfree.ops.classifier_growth import grow_classifier


@given(st.integers(1, 5), st.integers(0, 4), st.integers(0, 1000))
def test_probabilities(num_old_classes, num_new, seed):
    torch.manual_seed(seed)
    weight = torch.randn(num_old_classes, 3, 1, 1, dtype=torch.float64)
    bias = torch.randn(num_old_classes, dtype=torch.float64)
    grown_weight, grown_bias = grow_classifier(weight, bias, num_old_classes + num_new)
    feature = torch.randn(3, dtype=torch.float64)
    before = (weight.flatten(1) @ feature + bias).softmax(0)
    after = (grown_weight.flatten(1) @ feature + grown_bias).softmax(0)
    share = before[0] / (num_new + 1)
    torch.testing.assert_close(after[0], share)
    torch.testing.assert_close(after[num_old_classes:], share.expand(num_new))
    torch.testing.assert_close(after[1:num_old_classes], before[1:])


def test_values_and_inputs_untouched():
    weight, bias = torch.tensor([[[[2.0]]], [[[5.0]]]]), torch.tensor([1.0, 3.0])
    grown_weight, grown_bias = grow_classifier(weight, bias, 4)
    assert grown_weight.flatten().tolist() == [2, 5, 2, 2]
    low = 1 - math.log(3)
    assert grown_bias.tolist() == pytest.approx([low, 3, low, low])
    assert weight.flatten().tolist() == [2, 5] and bias.tolist() == [1, 3]


def test_shrinking_is_refused():
    with pytest.raises(ValueError, match='cannot shrink to 1'):
        grow_classifier(torch.ones(2, 3, 1, 1), torch.ones(2), 1)
