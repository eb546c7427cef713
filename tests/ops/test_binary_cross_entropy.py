import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_labelfree.ops.binary_cross_entropy import (
    binary_distillation,
    incremental_binary_cross_entropy,
)


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


def reference_soft(x, teacher, alpha):
    loss, grad = 0.0, [0.0] * len(x)
    for c, value in enumerate(teacher):
        target = sigmoid(alpha * value)
        loss -= target * math.log(sigmoid(x[c]))
        loss -= (1 - target) * math.log(sigmoid(-x[c]))
        grad[c] = sigmoid(x[c]) - target
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
def problems(draw, min_old=1):
    classes = draw(st.integers(min_old + 1, 7))
    old = draw(st.integers(min_old, classes - 1))
    batch, height, width = draw(st.tuples(*[st.integers(1, 4)] * 3))
    return (batch, classes, height, width), old, draw(st.integers(0, 2**31))


@settings(max_examples=60, deadline=None)
@given(
    problem=problems(),
    scale=st.sampled_from([0.0, 1.0, 10.0]),
    variant=st.sampled_from(['paper', 'official']),
)
def test_hard_labels_match_loop_over_pixels(problem, scale, variant):
    shape, old, seed = problem
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.normal(0, scale, shape))
    # Background, new, ignored and (not from our data sets) old classes.
    values = [255, *range(shape[1])]
    label = torch.from_numpy(rng.choice(values, (shape[0], *shape[2:])))
    want = over_pixels(
        shape,
        lambda i, y, z: reference_hard(
            x[i, :, y, z].tolist(), int(label[i, y, z]), old, variant
        ),
    )
    got = value_and_grad(incremental_binary_cross_entropy, x, label, old, variant)
    torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    problem=problems(min_old=2),
    alpha=st.sampled_from([0.5, 1.0, 3.0]),
    average=st.booleans(),
)
def test_distillation_matches_loop_over_pixels(problem, alpha, average):
    shape, old, seed = problem
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.normal(0, 4, shape))
    teacher = torch.from_numpy(rng.normal(0, 4, (shape[0], old, *shape[2:])))
    want = over_pixels(
        shape,
        lambda i, y, z: reference_soft(
            x[i, :, y, z].tolist(), teacher[i, :, y, z].tolist(), alpha
        ),
    )
    unit = old if average else 1
    got = value_and_grad(binary_distillation, x, teacher, alpha, class_average=average)
    torch.testing.assert_close(
        got, tuple(w / unit for w in want), rtol=1e-9, atol=1e-12
    )


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 6, 3, 4, generator=generator, dtype=torch.float64)
    teacher = torch.randn(2, 4, 3, 4, generator=generator, dtype=torch.float64)
    label = torch.randint(4, 6, (2, 3, 4), generator=generator)
    label[:, 0] = 0
    label[1, 1] = 255
    return x.requires_grad_(), teacher, label


def test_gradcheck(batch):
    x, teacher, label = batch
    for variant in ('paper', 'official'):
        assert torch.autograd.gradcheck(
            lambda x, v=variant: incremental_binary_cross_entropy(x, label, 4, v), x
        )
    assert torch.autograd.gradcheck(lambda x: binary_distillation(x, teacher, 2.0), x)


def test_equal_torch_binary_cross_entropy(batch):
    x, teacher, label = batch
    one_hot = (label[:, None] == torch.arange(6).view(1, 6, 1, 1)).double()
    terms = F.binary_cross_entropy_with_logits(x, one_hot, reduction='none')
    terms = terms * (label != 255)[:, None]
    official = incremental_binary_cross_entropy(x, label, 4, 'official')
    torch.testing.assert_close(official, terms.sum(1))
    paper = incremental_binary_cross_entropy(x, label, 4, 'paper')
    torch.testing.assert_close(paper, terms[:, [0, 4, 5]].sum(1))
    # The authors' term: n_old times the mean over pixels and classes.
    literal = 4 * F.binary_cross_entropy_with_logits(x[:, :4], teacher.sigmoid())
    torch.testing.assert_close(binary_distillation(x, teacher).mean(), literal)


def test_first_step_has_no_old_classes(batch):
    x, _, label = batch
    paper = incremental_binary_cross_entropy(x, label, 1, 'paper')
    official = incremental_binary_cross_entropy(x, label, 1, 'official')
    assert torch.equal(paper, official)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(batch, dtype):
    x, teacher, label = (b.detach() for b in batch)
    x, teacher = x.to(dtype), teacher.to(dtype)
    for function, args in (
        (incremental_binary_cross_entropy, (label, 4, 'paper')),
        (incremental_binary_cross_entropy, (label, 4, 'official')),
        (binary_distillation, (teacher,)),
    ):
        loss, grad = value_and_grad(function, x, *args)
        assert loss.dtype == torch.float32 and grad.dtype == dtype
        wide = [a.double() if a is teacher else a for a in args]
        want, want_grad = value_and_grad(function, x.double(), *wide)
        torch.testing.assert_close(loss, want.float(), rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(grad, want_grad.to(dtype))


@pytest.mark.parametrize('size', [50.0, 200.0, 1e4])
def test_large_logits_keep_small_and_large_losses(size):
    x = torch.tensor([size, -size, -size]).view(1, 3, 1, 1)
    right, wrong = torch.zeros(1, 1, 1).long(), torch.ones(1, 1, 1).long()
    loss, grad = value_and_grad(incremental_binary_cross_entropy, x, right)
    torch.testing.assert_close(loss.item(), 3 * math.exp(-size))
    torch.testing.assert_close(grad.flatten()[0].item(), -math.exp(-size))
    loss, grad = value_and_grad(incremental_binary_cross_entropy, x, wrong)
    torch.testing.assert_close(loss.item(), 2 * size)
    assert grad.flatten().tolist()[:2] == [1.0, -1.0]
    agree = binary_distillation(x, x).item()
    share = math.exp(-size)
    torch.testing.assert_close(agree, 3 * (share + size * share), rtol=1e-5, atol=1e-30)
    assert binary_distillation(x, -x).item() == pytest.approx(3 * size)


def test_ignored_pixels_survive_bad_logits(batch):
    x, _, label = batch
    x = x.detach().masked_fill(label[:, None] == 255, float('nan'))
    loss = incremental_binary_cross_entropy(x, label, 4)
    assert (loss[label == 255] == 0).all() and loss.isfinite().all()


def test_bad_input_is_named(batch):
    x, teacher, label = batch
    with pytest.raises(ValueError, match="'paper' or 'official', got 'code'"):
        incremental_binary_cross_entropy(x, label, 4, 'code')
    with pytest.raises(ValueError, match='num_old_classes=6 does not fit 6 logits'):
        incremental_binary_cross_entropy(x, label, 6)
    with pytest.raises(ValueError, match='integer class indices'):
        incremental_binary_cross_entropy(x, label.float(), 4)
    with pytest.raises(ValueError, match='label must have shape'):
        incremental_binary_cross_entropy(x, label[:, :2], 4)
    with pytest.raises(ValueError, match='teacher_logits have 6 .*student_logits 4'):
        binary_distillation(teacher, x)
    with pytest.raises(ValueError, match='alpha must be positive'):
        binary_distillation(x, teacher, alpha=0)
