import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_labelfree.ops.knowledge_distillation import knowledge_distillation
from mmseg_labelfree.ops.unbiased_knowledge_distillation import (
    unbiased_knowledge_distillation,
)

DISTILLATIONS = [unbiased_knowledge_distillation, knowledge_distillation]


def softmax(values):
    top = max(values)
    exps = [math.exp(v - top) for v in values]
    return [e / sum(exps) for e in exps]


def reference_kd(x, teacher, alpha, groups, domain):
    """Cross-entropy of one pixel between softmax(alpha * teacher) and groups' shares.

    ``groups[c]`` are the student classes that the teacher's class c stands for,
    ``domain`` those in the denominator.
    """
    target = softmax([alpha * t for t in teacher])
    q = dict(zip(domain, softmax([x[k] for k in domain]), strict=True))
    loss, grad = 0.0, [0.0] * len(x)
    for t, group in zip(target, groups, strict=True):
        p = sum(q[k] for k in group)
        loss -= t * math.log(p)
        for j in domain:
            grad[j] += t * (q[j] - (q[j] / p if j in group else 0))
    return loss, grad


def reference_of(function, classes, old):
    """Groups and denominator of a distillation."""
    if function is knowledge_distillation:
        return [[c] for c in range(old)], list(range(old))
    return [[0, *range(old, classes)], *[[c] for c in range(1, old)]], list(
        range(classes)
    )


def over_pixels(shape, pixel):
    """Loss (N, H, W) and gradient (N, C, H, W) from a function of one pixel."""
    n, c, h, w = shape
    loss, grad = np.zeros((n, h, w)), np.zeros(shape)
    for i, y, z in np.ndindex(n, h, w):
        loss[i, y, z], grad[i, :, y, z] = pixel(i, y, z)
    return torch.from_numpy(loss), torch.from_numpy(grad)


def value_and_grad(function, logits, *args, factor=None, **kwargs):
    logits = logits.detach().requires_grad_()
    loss = function(logits, *args, **kwargs)
    (loss if factor is None else loss * factor).sum().backward()
    return loss.detach(), logits.grad


@st.composite
def problems(draw):
    """Shape, number of old classes and a seed."""
    classes = draw(st.integers(2, 7))
    old = draw(st.integers(2, classes))
    batch, height, width = draw(st.tuples(*[st.integers(1, 4)] * 3))
    shape = (batch, classes, height, width)
    return shape, old, draw(st.integers(0, 2**31))


@settings(max_examples=60, deadline=None)
@given(
    problem=problems(),
    alpha=st.sampled_from([0.5, 1.0, 3.0]),
    function=st.sampled_from(DISTILLATIONS),
    average=st.booleans(),
)
def test_matches_loop_over_pixels(problem, alpha, function, average):
    shape, old, seed = problem
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.normal(0, 4, shape))
    teacher = torch.from_numpy(rng.normal(0, 4, (shape[0], old, *shape[2:])))
    groups = reference_of(function, shape[1], old)
    want = over_pixels(
        shape,
        lambda i, y, z: reference_kd(
            x[i, :, y, z].tolist(), teacher[i, :, y, z].tolist(), alpha, *groups
        ),
    )
    unit = old if average else 1
    got = value_and_grad(function, x, teacher, alpha, class_average=average)
    torch.testing.assert_close(
        got, tuple(w / unit for w in want), rtol=1e-9, atol=1e-12
    )


def test_values_by_hand():
    # q = (1, 2, 3, 4) / 10; the teacher is sure of background, then of class 1.
    x = torch.tensor([1.0, 2.0, 3.0, 4.0]).log().view(1, 4, 1, 1).expand(1, 4, 1, 2)
    teacher = torch.tensor([[1e4, 0.0], [0.0, 1e4]]).view(1, 2, 1, 2)
    args = (x, teacher, 1.0, False)
    loss = unbiased_knowledge_distillation(*args).exp()
    torch.testing.assert_close(loss, torch.tensor([[[1 / 0.8, 1 / 0.2]]]))
    loss = knowledge_distillation(*args).exp()
    torch.testing.assert_close(loss, torch.tensor([[[3.0, 1.5]]]))


def literal_kd(x, teacher):
    old = teacher.shape[1]
    q = x.log_softmax(1)
    rest = torch.cat([q[:, :1], q[:, old:]], 1).logsumexp(1, keepdim=True)
    return -(teacher.softmax(1) * torch.cat([rest, q[:, 1:old]], 1)).mean(1)


def literal_plain_kd(x, teacher):
    old = teacher.shape[1]
    return -(teacher.softmax(1) * x[:, :old].log_softmax(1)).mean(1)


LITERAL = dict(zip(DISTILLATIONS, (literal_kd, literal_plain_kd), strict=True))


@pytest.fixture
def batch():
    """Logits of student and teacher."""
    rng = np.random.default_rng(3)
    x = torch.from_numpy(rng.normal(0, 3, (2, 9, 50, 37))).float()
    return x, torch.from_numpy(rng.normal(0, 3, (2, 6, 50, 37))).float()


@pytest.mark.parametrize(
    'layout', ['contiguous', 'channels_last', 'strided', 'swapped']
)
def test_equals_autograd_of_the_equations(batch, layout):
    if layout == 'channels_last':
        batch = [v.contiguous(memory_format=torch.channels_last) for v in batch]
    elif layout == 'strided':
        batch = [v[..., ::2] for v in batch]
    elif layout == 'swapped':
        batch = [v.transpose(-1, -2) for v in batch]
    pixels = batch[0][:, 0]
    factor = torch.linspace(-1, 2, pixels.numel()).view(pixels.shape)
    for function, literal in LITERAL.items():
        got = value_and_grad(function, *batch, factor=factor)
        want = value_and_grad(literal, *batch, factor=factor)
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('function', DISTILLATIONS)
@pytest.mark.parametrize('old', [2, 4, 5])
def test_gradcheck(function, old):
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(0, 2, (2, 5, 2, 2))).requires_grad_()
    teacher = torch.from_numpy(rng.normal(0, 2, (2, old, 2, 2)))
    assert torch.autograd.gradcheck(lambda x: function(x, teacher, alpha=2.0), x)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize('function', DISTILLATIONS)
def test_half_precision(batch, dtype, function):
    x, teacher = (v.to(dtype) for v in batch)
    # Inputs are exact in float64, so only the gradient is rounded, and once.
    rounding = torch.finfo(dtype).eps / 2
    with torch.autocast('cpu', torch.bfloat16):
        loss, grad = value_and_grad(function, x, teacher)
    want, want_grad = value_and_grad(function, x.double(), teacher.double())
    assert loss.dtype == torch.float32
    assert grad.dtype == dtype
    torch.testing.assert_close(loss.double(), want, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(grad.double(), want_grad, rtol=1.1 * rounding, atol=1e-6)


@pytest.mark.parametrize('size', [1e2, 1e4])
@pytest.mark.parametrize('function', DISTILLATIONS)
def test_extreme_logits_stay_finite_and_exact(size, function):
    corners = torch.tensor(np.array(list(np.ndindex(*[3] * 4))).T - 1.0) * size
    x = corners.float().view(1, 4, 1, -1)
    for teacher in (x[:, :3], x[:, [2, 0, 1]]):
        got = value_and_grad(function, x, teacher)
        want = value_and_grad(LITERAL[function], x.double(), teacher.double())
        torch.testing.assert_close(
            tuple(g.double() for g in got), want, rtol=1e-5, atol=1e-6
        )


def test_teacher_entropy_is_the_minimum(batch):
    """Reached with no gradient by sharing out the teacher's background."""
    _, teacher = batch
    teacher = teacher.double()
    split = torch.tensor([0.2, 0.3, 0.4, 0.1], dtype=torch.float64)
    split = split.log().view(1, 4, 1, 1)
    background = teacher[:, :1] + split
    student = torch.cat([background[:, :1], teacher[:, 1:], background[:, 1:]], 1)
    q = teacher.softmax(1)
    entropy = -(q * q.log()).sum(1)
    loss, grad = value_and_grad(
        unbiased_knowledge_distillation, student, teacher, class_average=False
    )
    torch.testing.assert_close(loss, entropy)
    torch.testing.assert_close(grad, torch.zeros_like(grad), rtol=0, atol=1e-12)
    noise = torch.randn(student.shape, generator=torch.Generator().manual_seed(0))
    moved = unbiased_knowledge_distillation(student + noise, teacher, 1.0, False)
    assert (moved > entropy).all()


def test_plain_distillation_leaves_new_classes_alone(batch):
    x, teacher = batch
    loss, grad = value_and_grad(knowledge_distillation, x, teacher)
    assert (grad[:, 6:] == 0).all()
    assert (grad[:, :6] != 0).any(1).all()
    other = torch.cat([x[:, :6], torch.randn(2, 3, 50, 37) * 9], 1)
    torch.testing.assert_close(knowledge_distillation(other, teacher), loss)


def test_no_gradient_for_teacher_and_repeatable_backward(batch):
    x, teacher = (v.requires_grad_() for v in batch)
    loss = unbiased_knowledge_distillation(x, teacher).mean()
    first = torch.autograd.grad(
        loss, [x, teacher], retain_graph=True, allow_unused=True
    )
    again = torch.autograd.grad(3 * loss, [x], retain_graph=True)
    assert first[1] is None
    torch.testing.assert_close(again[0], 3 * first[0])
    with torch.no_grad():
        assert not unbiased_knowledge_distillation(x, teacher).requires_grad
    plain = unbiased_knowledge_distillation(x.detach(), teacher)
    assert not plain.requires_grad


@pytest.mark.parametrize('function', DISTILLATIONS)
def test_inputs_are_not_changed(batch, function):
    copies = [values.clone() for values in batch]
    value_and_grad(function, *batch, alpha=2.0)
    for values, copy in zip(batch, copies, strict=True):
        assert torch.equal(values, copy)


@pytest.mark.parametrize('function', DISTILLATIONS)
@pytest.mark.parametrize(
    'teacher, alpha, message',
    [
        (torch.zeros(2, 5, 3, 3), 1, 'teacher_logits have 5 .*student_logits 4'),
        (torch.zeros(2, 1, 3, 3), 1, 'teacher_logits have 1 '),
        (torch.zeros(2, 3, 6, 6), 1, 'teacher_logits must have .*2, 3, 6, 6.*resize'),
        (torch.zeros(1, 3, 3, 3), 1, 'teacher_logits must have .*1, 3, 3, 3'),
        (torch.zeros(2, 3, 3), 1, 'teacher_logits must be '),
        (torch.zeros(2, 3, 3, 3), 0, 'alpha must be positive, got 0'),
    ],
)
def test_names_bad_input(function, teacher, alpha, message):
    with pytest.raises(ValueError, match=message):
        function(torch.zeros(2, 4, 3, 3), teacher, alpha)
