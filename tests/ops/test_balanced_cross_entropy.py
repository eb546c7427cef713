import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from mmseg_labelfree.ops import balanced_weights

LABELS = st.lists(st.sampled_from([0, 1, 2, 255]), min_size=12, max_size=12)


@settings(max_examples=30, deadline=None)
@given(LABELS)
def test_each_kind_has_half_in_equal_parts(values):
    label = torch.tensor(values).view(2, 2, 3)
    weight = balanced_weights(label, dtype=torch.double)
    kinds = [label == 0, (label != 0) & (label != 255)]
    for kind in kinds:
        if kind.any():
            share = 0.5 / kind.sum().double()
            assert_close(weight[kind], share.expand(int(kind.sum())))
    assert not weight[label == 255].any()
    assert_close(weight.sum().item(), 0.5 * sum(bool(kind.any()) for kind in kinds))


def test_another_index_is_ignored():
    label = torch.tensor([[[0, 1, 9]]])
    want = torch.tensor([[[0.5, 0.5, 0.0]]])
    assert_close(balanced_weights(label, ignore_index=9), want)
