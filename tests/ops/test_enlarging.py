"""A few enlarged rows are those of torch's own bilinear interpolation."""

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_labelfree.ops.enlarging import bilinear_weights, source_rows


@settings(max_examples=200, deadline=None)
@given(
    small=st.integers(1, 40),
    large=st.integers(1, 200),
    align_corners=st.booleans(),
    data=st.data(),
)
def test_rows_and_their_gradient(small, large, align_corners, data):
    top = data.draw(st.integers(0, large - 1))
    rows = slice(top, data.draw(st.integers(top + 1, large)))
    x = torch.randn(1, 2, small, 3, dtype=torch.float64)
    source = source_rows(x, rows, large, align_corners)
    full = F.interpolate(x, (large, 3), mode='bilinear', align_corners=align_corners)
    torch.testing.assert_close(source.enlarge(x), full[:, :, rows])
    weights = bilinear_weights(x, small, large, align_corners)
    torch.testing.assert_close(weights @ x, full)
    gradient = torch.randn_like(full[:, :, rows])
    slope = torch.zeros_like(x)
    source.collect(gradient, slope)
    torch.testing.assert_close(slope, weights[rows].T @ gradient)


def test_weights_of_fake_tensors_are_not_kept():
    from torch._subclasses import FakeTensorMode

    with FakeTensorMode():
        fake = bilinear_weights(torch.zeros(1), 5, 37)
    real = bilinear_weights(torch.zeros(1), 5, 37)
    assert type(fake) is not torch.Tensor and type(real) is torch.Tensor
    assert real.sum(1).allclose(torch.ones(37))
