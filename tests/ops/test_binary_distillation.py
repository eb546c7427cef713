import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_labelfree.ops.binary_distillation import binary_distillation


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))


def reference_soft(x, teacher):
    loss, grad = 0.0, [0.0] * len(x)
    for c, value in enumerate(teacher):
        target = sigmoid(value)
        loss -= target * math.log(sigmoid(x[c]))
        loss -= (1 - target) * math.log(sigmoid(-x[c]))
        grad[c] = sigmoid(x[c]) - target
    return loss, grad


def value_and_grad(function, logits, *args, **kwargs):
    logits = logits.detach().requires_grad_()
    loss = function(logits, *args, **kwargs)
    loss.sum().backward()
    return loss.detach(), logits.grad


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 4)] * 3),
    classes=st.integers(2, 7),
    num_new=st.integers(0, 3),
    seed=st.integers(0, 2**31),
)
def test_matches_loop_over_pixels(shape, classes, num_new, seed):
    batch, height, width = shape
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 4, (batch, classes + num_new, height, width))
    teacher = rng.normal(0, 4, (batch, classes, height, width))
    want, want_grad = np.zeros(shape), np.zeros(x.shape)
    for i, y, z in np.ndindex(shape):
        want[i, y, z], want_grad[i, :, y, z] = reference_soft(
            x[i, :, y, z].tolist(), teacher[i, :, y, z].tolist()
        )
    got = value_and_grad(
        binary_distillation, torch.from_numpy(x), torch.from_numpy(teacher)
    )
    want = torch.from_numpy(want), torch.from_numpy(want_grad)
    torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-12)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 6, 3, 4, generator=generator, dtype=torch.float64)
    teacher = torch.randn(2, 4, 3, 4, generator=generator, dtype=torch.float64)
    return x.requires_grad_(), teacher


def test_gradcheck(batch):
    x, teacher = batch
    assert torch.autograd.gradcheck(lambda x: binary_distillation(x, teacher), x)


def test_is_the_authors_term(batch):
    """The number of old classes times the mean over pixels and classes."""
    x, teacher = batch
    literal = 4 * F.binary_cross_entropy_with_logits(x[:, :4], teacher.sigmoid())
    torch.testing.assert_close(binary_distillation(x, teacher).mean(), literal)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(batch, dtype):
    x, teacher = (b.detach().to(dtype) for b in batch)
    loss, grad = value_and_grad(binary_distillation, x, teacher)
    assert loss.dtype == torch.float32 and grad.dtype == dtype
    want, want_grad = value_and_grad(binary_distillation, x.double(), teacher.double())
    torch.testing.assert_close(loss, want.float(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(grad, want_grad.to(dtype))


@pytest.mark.parametrize('size', [50.0, 200.0, 1e4])
def test_large_logits_keep_small_and_large_losses(size):
    x = torch.tensor([size, -size, -size]).view(1, 3, 1, 1)
    share = math.exp(-size)
    agree = binary_distillation(x, x).item()
    torch.testing.assert_close(agree, 3 * (share + size * share), rtol=1e-5, atol=1e-30)
    assert binary_distillation(x, -x).item() == pytest.approx(3 * size)


def test_inputs_are_not_changed(batch):
    copies = [values.detach().clone() for values in batch]
    value_and_grad(binary_distillation, *batch)
    for values, copy in zip(batch, copies, strict=True):
        assert torch.equal(values, copy)


def test_names_bad_input(batch):
    x, teacher = batch
    with pytest.raises(ValueError, match='teacher_logits have 6 .*student_logits 4'):
        binary_distillation(teacher, x)
