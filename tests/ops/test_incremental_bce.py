import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_labelfree.ops.incremental_bce import incremental_bce


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))


def reference_hard(x, label, num_old_classes, variant):
    """One pixel, class by class: loss and derivative by each logit."""
    loss, grad = 0.0, [0.0] * len(x)
    if label == 255:
        return loss, grad
    for c, logit in enumerate(x):
        if variant == 'paper' and 0 < c < num_old_classes:
            continue
        target = 1.0 if c == label else 0.0
        loss -= math.log(sigmoid(logit) if target else sigmoid(-logit))
        grad[c] = sigmoid(logit) - target
    return loss, grad


def over_pixels(shape, pixel):
    n, c, h, w = shape
    loss, grad = np.zeros((n, h, w)), np.zeros(shape)
    for i, y, z in np.ndindex(n, h, w):
        loss[i, y, z], grad[i, :, y, z] = pixel(i, y, z)
    return torch.from_numpy(loss), torch.from_numpy(grad)


def value_and_grad(function, logits, *args, **kwargs):
    logits = logits.detach().requires_grad_()
    loss = function(logits, *args, **kwargs)
    loss.sum().backward()
    return loss.detach(), logits.grad


@st.composite
def problems(draw):
    classes = draw(st.integers(2, 7))
    old = draw(st.integers(1, classes - 1))
    batch, height, width = draw(st.tuples(*[st.integers(1, 4)] * 3))
    return (batch, classes, height, width), old, draw(st.integers(0, 2**31))


@settings(max_examples=60, deadline=None)
@given(
    problem=problems(),
    scale=st.sampled_from([0.0, 1.0, 10.0]),
    variant=st.sampled_from(['paper', 'official']),
)
def test_matches_loop_over_pixels(problem, scale, variant):
    shape, old, seed = problem
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.normal(0, scale, shape))
    # Background, new, ignored and (not from our datasets) old classes.
    values = [255, *range(shape[1])]
    label = torch.from_numpy(rng.choice(values, (shape[0], *shape[2:])))
    want = over_pixels(
        shape,
        lambda i, y, z: reference_hard(
            x[i, :, y, z].tolist(), int(label[i, y, z]), old, variant
        ),
    )
    got = value_and_grad(incremental_bce, x, label, old, variant)
    torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-12)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 6, 3, 4, generator=generator, dtype=torch.float64)
    label = torch.randint(4, 6, (2, 3, 4), generator=generator)
    label[:, 0] = 0
    label[1, 1] = 255
    return x.requires_grad_(), label


@pytest.mark.parametrize('variant', ['paper', 'official'])
def test_gradcheck(batch, variant):
    x, label = batch
    assert torch.autograd.gradcheck(lambda x: incremental_bce(x, label, 4, variant), x)


def test_equals_binary_cross_entropy_of_torch(batch):
    x, label = batch
    one_hot = (label[:, None] == torch.arange(6).view(1, 6, 1, 1)).double()
    terms = F.binary_cross_entropy_with_logits(x, one_hot, reduction='none')
    terms = terms * (label != 255)[:, None]
    official = incremental_bce(x, label, 4, 'official')
    torch.testing.assert_close(official, terms.sum(1))
    paper = incremental_bce(x, label, 4, 'paper')
    torch.testing.assert_close(paper, terms[:, [0, 4, 5]].sum(1))


def test_first_step_has_no_old_classes(batch):
    x, label = batch
    paper = incremental_bce(x, label, 1, 'paper')
    official = incremental_bce(x, label, 1, 'official')
    assert torch.equal(paper, official)


@pytest.mark.parametrize('variant', ['paper', 'official'])
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(batch, dtype, variant):
    x, label = batch
    x = x.detach().to(dtype)
    loss, grad = value_and_grad(incremental_bce, x, label, 4, variant)
    assert loss.dtype == torch.float32 and grad.dtype == dtype
    want, want_grad = value_and_grad(incremental_bce, x.double(), label, 4, variant)
    torch.testing.assert_close(loss, want.float(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(grad, want_grad.to(dtype))


@pytest.mark.parametrize('size', [50.0, 200.0, 1e4])
def test_large_logits_keep_small_and_large_losses(size):
    x = torch.tensor([size, -size, -size]).view(1, 3, 1, 1)
    right, wrong = torch.zeros(1, 1, 1).long(), torch.ones(1, 1, 1).long()
    loss, grad = value_and_grad(incremental_bce, x, right)
    torch.testing.assert_close(loss.item(), 3 * math.exp(-size))
    torch.testing.assert_close(grad.flatten()[0].item(), -math.exp(-size))
    loss, grad = value_and_grad(incremental_bce, x, wrong)
    torch.testing.assert_close(loss.item(), 2 * size)
    assert grad.flatten().tolist()[:2] == [1.0, -1.0]


def test_ignored_pixels_survive_bad_logits(batch):
    x, label = batch
    x = x.detach().masked_fill(label[:, None] == 255, float('nan'))
    loss = incremental_bce(x, label, 4)
    assert (loss[label == 255] == 0).all() and loss.isfinite().all()


def test_names_bad_input(batch):
    x, label = batch
    with pytest.raises(ValueError, match="'paper' or 'official', got 'code'"):
        incremental_bce(x, label, 4, 'code')
    with pytest.raises(ValueError, match='num_old_classes=6 does not fit 6 logits'):
        incremental_bce(x, label, 6)
    with pytest.raises(ValueError, match='integer class indices'):
        incremental_bce(x, label.float(), 4)
    with pytest.raises(ValueError, match='label must have shape'):
        incremental_bce(x, label[:, :2], 4)
