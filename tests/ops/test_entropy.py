import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from mmseg_labelfree.ops import softmax_entropy

CASES = st.tuples(
    st.integers(0, 2**31),
    st.integers(1, 2),
    st.integers(1, 6),
    st.integers(1, 4),
    st.integers(1, 4),
    st.sampled_from([0.1, 1.0, 30.0]),
)


def draw(case, dtype=torch.float64):
    seed, *shape, scale = case
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=dtype) * scale


def slow(logits):
    result = torch.zeros(logits.shape[0], *logits.shape[2:], dtype=torch.float64)
    for n, y, x in itertools.product(*map(range, result.shape)):
        powers = [math.exp(v - logits[n, :, y, x].max()) for v in logits[n, :, y, x]]
        for power in powers:
            p = power / sum(powers)
            result[n, y, x] -= p * math.log(p) if p > 0 else 0.0
    return result


@settings(deadline=None)
@given(CASES)
def test_values(case):
    logits = draw(case)
    torch.testing.assert_close(softmax_entropy(logits), slow(logits))
    single = softmax_entropy(logits.float())
    assert single.dtype == torch.float32 and (single >= 0).all()
    torch.testing.assert_close(single.double(), slow(logits), rtol=1e-5, atol=1e-5)


@settings(deadline=None)
@given(CASES)
def test_gradient(case):
    logits = draw(case).requires_grad_()
    assert gradcheck(softmax_entropy, logits)


def test_impossible_classes_and_extremes():
    logits = torch.tensor([0.0, 0.0, -math.inf, -math.inf]).view(1, 4, 1, 1)
    logits.requires_grad_()
    entropy = softmax_entropy(logits)
    assert entropy.item() == pytest.approx(math.log(2))
    entropy.sum().backward()
    assert torch.isfinite(logits.grad).all()
    sure = torch.tensor([1e30, 0.0, -1e30]).view(1, 3, 1, 1)
    assert softmax_entropy(sure).item() == 0.0
    uniform = torch.full((1, 21, 2, 2), 7.0)
    torch.testing.assert_close(
        softmax_entropy(uniform), torch.full((1, 2, 2), math.log(21))
    )


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    logits = draw((3, 2, 5, 4, 4, 3.0), torch.float32).to(dtype)
    entropy = softmax_entropy(logits)
    assert entropy.dtype == torch.float32
    torch.testing.assert_close(entropy, softmax_entropy(logits.float()))


def test_only_logits():
    with pytest.raises(ValueError, match='logits must be'):
        softmax_entropy(torch.zeros(3, 4))


def test_no_images():
    assert softmax_entropy(torch.zeros(0, 3, 4, 5)).shape == (0, 4, 5)
