import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_labelfree.ops.quantile import masked_quantile

FLOATS = st.floats(-(2.0**40), 2.0**40, width=32)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(FLOATS, st.booleans()), min_size=1, max_size=40),
    st.lists(st.floats(0, 1), min_size=1, max_size=3),
)
def test_equals_numpy_percentile(pairs, shares):
    values = torch.tensor([value for value, _ in pairs])
    mask = torch.tensor([kept for _, kept in pairs])
    mask[0] = True
    want = np.percentile(values[mask].double().numpy(), [100 * s for s in shares])
    got = masked_quantile(values, shares, mask)
    # Between two values it is as exact as float32 is for the larger one.
    largest = values[mask].abs().max().item()
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-6, atol=1e-6 * largest)


def test_large_map_with_ties_and_padding():
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(2, 300, 400, generator=generator).square()
    values[0, :100] = values[0, 0, 0]
    mask = torch.rand(values.shape, generator=generator) < 0.7
    shares = [0.0, 0.17, 0.8, 1.0]
    want = np.percentile(values[mask].double().numpy(), [0, 17, 80, 100])
    got = masked_quantile(values, shares, mask)
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-6)
    # What is hidden does not matter.
    values[~mask] = 1e9
    assert torch.equal(masked_quantile(values, shares, mask), got)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16, torch.float64])
def test_other_precisions(dtype):
    values = torch.rand(1000, generator=torch.Generator().manual_seed(1)).to(dtype)
    got = masked_quantile(values, [0.8])
    want = np.percentile(values.double().numpy(), 80)
    assert got.dtype == torch.float32
    np.testing.assert_allclose(got.item(), want, rtol=1e-6)


def test_no_value_is_infinity():
    assert masked_quantile(torch.zeros(0, 4, 4), [0.8]).isinf().all()
    values = torch.ones(1, 2, 2)
    hidden = torch.zeros(1, 2, 2, dtype=torch.bool)
    assert masked_quantile(values, [0.2, 0.8], hidden).isinf().all()


def test_share_out_of_range():
    with pytest.raises(ValueError, match='0 to 1'):
        masked_quantile(torch.ones(3), [80])
