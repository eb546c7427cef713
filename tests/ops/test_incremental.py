import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_labelfree.ops import pixel_loss
from mmseg_labelfree.ops.incremental import (
    knowledge_distillation,
    unbiased_cross_entropy,
    unbiased_knowledge_distillation,
)

DISTILLATIONS = [unbiased_knowledge_distillation, knowledge_distillation]


def softmax(values):
    top = max(values)
    exps = [math.exp(v - top) for v in values]
    return [e / sum(exps) for e in exps]


def reference_ce(x, label, num_old_classes, ignore_index=255):
    """Eq. 6 of one pixel: loss and derivative by each logit."""
    if label == ignore_index:
        return 0.0, [0.0] * len(x)
    q = softmax(x)
    group = range(num_old_classes) if label == 0 else [label]
    p = sum(q[k] for k in group)
    return -math.log(p), [q[j] - (q[j] / p if j in group else 0) for j in range(len(x))]


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


def random_label(rng, shape, classes, old):
    """Background, old, new and ignored pixels."""
    values = [0, 255, *range(old, classes), *range(1, old)]
    return torch.from_numpy(rng.choice(values, shape)).long()


@st.composite
def problems(draw, min_old=1, max_old_gap=1):
    """Shape, number of old classes and a seed."""
    classes = draw(st.integers(min_old + max_old_gap, 7))
    old = draw(st.integers(min_old, classes - max_old_gap))
    batch, height, width = draw(st.tuples(*[st.integers(1, 4)] * 3))
    shape = (batch, classes, height, width)
    return shape, old, draw(st.integers(0, 2**31))


@settings(max_examples=60, deadline=None)
@given(problem=problems(), scale=st.sampled_from([0.0, 1.0, 20.0]))
def test_cross_entropy_matches_loop_over_pixels(problem, scale):
    shape, old, seed = problem
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.normal(0, scale, shape))
    label = random_label(rng, (shape[0], *shape[2:]), shape[1], old)
    want = over_pixels(
        shape,
        lambda i, y, z: reference_ce(x[i, :, y, z].tolist(), int(label[i, y, z]), old),
    )
    got = value_and_grad(unbiased_cross_entropy, x, label, old)
    torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    problem=problems(min_old=2, max_old_gap=0),
    alpha=st.sampled_from([0.5, 1.0, 3.0]),
    function=st.sampled_from(DISTILLATIONS),
    average=st.booleans(),
)
def test_distillation_matches_loop_over_pixels(problem, alpha, function, average):
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
    # q = (1, 2, 3, 4) / 10.
    x = torch.tensor([1.0, 2.0, 3.0, 4.0]).log().view(1, 4, 1, 1).expand(1, 4, 1, 4)
    label = torch.tensor([[[0, 1, 3, 255]]])
    loss = unbiased_cross_entropy(x, label, num_old_classes=2).exp()
    torch.testing.assert_close(loss, torch.tensor([[[1 / 0.3, 1 / 0.2, 1 / 0.4, 1.0]]]))
    # The teacher is sure of background, then of class 1.
    teacher = torch.tensor([[1e4, 0.0], [0.0, 1e4]]).view(1, 2, 1, 2)
    args = (x[..., :2], teacher, 1.0, False)
    loss = unbiased_knowledge_distillation(*args).exp()
    torch.testing.assert_close(loss, torch.tensor([[[1 / 0.8, 1 / 0.2]]]))
    loss = knowledge_distillation(*args).exp()
    torch.testing.assert_close(loss, torch.tensor([[[3.0, 1.5]]]))


def literal_ce(x, label, old):
    q = x.log_softmax(1)
    p = torch.cat([q[:, :old].logsumexp(1, keepdim=True), q[:, 1:]], 1)
    return F.nll_loss(p, label, ignore_index=255, reduction='none')


def literal_kd(x, teacher):
    old = teacher.shape[1]
    q = x.log_softmax(1)
    rest = torch.cat([q[:, :1], q[:, old:]], 1).logsumexp(1, keepdim=True)
    return -(teacher.softmax(1) * torch.cat([rest, q[:, 1:old]], 1)).mean(1)


def literal_plain_kd(x, teacher):
    old = teacher.shape[1]
    return -(teacher.softmax(1) * x[:, :old].log_softmax(1)).mean(1)


@pytest.fixture
def batch():
    """Student and teacher logits and labels that span several blocks."""
    rng = np.random.default_rng(3)
    x = torch.from_numpy(rng.normal(0, 3, (2, 9, 50, 37))).float()
    teacher = torch.from_numpy(rng.normal(0, 3, (2, 6, 50, 37))).float()
    return x, teacher, random_label(rng, (2, 50, 37), 9, 6)


@pytest.mark.parametrize('block', [1, 1000, 2**17])
@pytest.mark.parametrize(
    'layout', ['contiguous', 'channels_last', 'strided', 'swapped']
)
def test_equals_autograd_of_the_equations(batch, block, layout, monkeypatch):
    monkeypatch.setattr(pixel_loss, '_CPU_BLOCK', block)
    x, teacher, label = batch
    if block == 1:
        x, teacher, label = x[..., :5, :4], teacher[..., :5, :4], label[..., :5, :4]
    if layout == 'channels_last':
        x = x.contiguous(memory_format=torch.channels_last)
        teacher = teacher.contiguous(memory_format=torch.channels_last)
    elif layout == 'strided':
        x, teacher, label = x[..., ::2], teacher[..., ::2], label[..., ::2]
    elif layout == 'swapped':
        x, teacher, label = (v.transpose(-1, -2) for v in (x, teacher, label))
    factor = torch.linspace(-1, 2, label.numel()).view(label.shape)
    for function, literal, args in (
        (unbiased_cross_entropy, literal_ce, (label, 6)),
        (unbiased_cross_entropy, literal_ce, (label, 1)),
        (unbiased_knowledge_distillation, literal_kd, (teacher,)),
        (knowledge_distillation, literal_plain_kd, (teacher,)),
    ):
        got = value_and_grad(function, x, *args, factor=factor)
        want = value_and_grad(literal, x, *args, factor=factor)
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('ignored', [0.0, 0.3])
def test_one_old_class_is_plain_cross_entropy(batch, ignored):
    x, _, _ = batch
    generator = torch.Generator().manual_seed(0)
    label = torch.randint(0, 9, (2, 50, 37), generator=generator)
    label[torch.rand(label.shape, generator=generator) < ignored] = 255
    got = value_and_grad(unbiased_cross_entropy, x, label, 1)
    want = value_and_grad(F.cross_entropy, x, label, ignore_index=255, reduction='none')
    torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize('old', [1, 3])
def test_gradcheck_cross_entropy(old):
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(0, 2, (2, 5, 2, 3))).requires_grad_()
    label = random_label(rng, (2, 2, 3), 5, old)
    assert torch.autograd.gradcheck(lambda x: unbiased_cross_entropy(x, label, old), x)


@pytest.mark.parametrize('function', DISTILLATIONS)
@pytest.mark.parametrize('old', [2, 4, 5])
def test_gradcheck_distillation(function, old):
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(0, 2, (2, 5, 2, 2))).requires_grad_()
    teacher = torch.from_numpy(rng.normal(0, 2, (2, old, 2, 2)))
    assert torch.autograd.gradcheck(lambda x: function(x, teacher, alpha=2.0), x)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(batch, dtype):
    x, teacher, label = batch
    x, teacher = x.to(dtype), teacher.to(dtype)
    # Inputs are exact in float64, so only the gradient is rounded, and once.
    rounding = torch.finfo(dtype).eps / 2
    for function, args in (
        (unbiased_cross_entropy, (label, 6)),
        (unbiased_knowledge_distillation, (teacher,)),
        (knowledge_distillation, (teacher,)),
    ):
        with torch.autocast('cpu', torch.bfloat16):
            loss, grad = value_and_grad(function, x, *args)
        wide = (a.double() if a is teacher else a for a in args)
        want, want_grad = value_and_grad(function, x.double(), *wide)
        assert loss.dtype == torch.float32
        assert grad.dtype == dtype
        torch.testing.assert_close(loss.double(), want, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(
            grad.double(), want_grad, rtol=1.1 * rounding, atol=1e-6
        )


def test_small_average_in_float16_needs_no_more_than_the_loss_scale():
    # 1 / pixels is below the smallest normal float16 number: a gradient that had been
    # divided before the scale came in would have lost its digits.
    x = torch.zeros(1, 4, 512, 512, dtype=torch.float16)
    x[:, 1] = 0.5
    label = torch.full((1, 512, 512), 3)
    teacher = torch.zeros(1, 2, 512, 512, dtype=torch.float16)
    for function, args in (
        (unbiased_cross_entropy, (label, 2)),
        (unbiased_knowledge_distillation, (teacher,)),
    ):
        half = x.clone().requires_grad_()
        (function(half, *args).mean() * 65536).backward()
        exact = x.double().requires_grad_()
        (function(exact, *args).mean() * 65536).backward()
        torch.testing.assert_close(half.grad.double(), exact.grad, rtol=1e-3, atol=1e-7)
        assert (half.grad != 0).all()


@pytest.mark.parametrize('size', [1e2, 1e4])
def test_extreme_logits_stay_finite_and_exact(size):
    corners = torch.tensor(np.array(list(np.ndindex(*[3] * 4))).T - 1.0) * size
    x = corners.float().view(1, 4, 1, -1)
    for c in range(4):
        label = torch.full((1, 1, x.shape[-1]), c)
        got = value_and_grad(unbiased_cross_entropy, x, label, 2)
        want = value_and_grad(literal_ce, x.double(), label, 2)
        torch.testing.assert_close(
            tuple(g.double() for g in got), want, rtol=1e-5, atol=1e-6
        )
    for teacher in (x[:, :3], x[:, [2, 0, 1]]):
        for function, literal in (
            (unbiased_knowledge_distillation, literal_kd),
            (knowledge_distillation, literal_plain_kd),
        ):
            got = value_and_grad(function, x, teacher)
            want = value_and_grad(literal, x.double(), teacher.double())
            torch.testing.assert_close(
                tuple(g.double() for g in got), want, rtol=1e-5, atol=1e-6
            )


def test_teacher_entropy_is_the_minimum(batch):
    """Reached with no gradient by sharing out the teacher's background."""
    _, teacher, _ = batch
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
    x, teacher, _ = batch
    loss, grad = value_and_grad(knowledge_distillation, x, teacher)
    assert (grad[:, 6:] == 0).all()
    assert (grad[:, :6] != 0).any(1).all()
    other = torch.cat([x[:, :6], torch.randn(2, 3, 50, 37) * 9], 1)
    torch.testing.assert_close(knowledge_distillation(other, teacher), loss)


def test_no_gradient_for_teacher_and_repeatable_backward(batch):
    x, teacher, _ = batch
    x, teacher = x.requires_grad_(), teacher.requires_grad_()
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


def test_inputs_are_not_changed(batch):
    copies = [values.clone() for values in batch]
    x, teacher, label = batch
    value_and_grad(unbiased_cross_entropy, x, label, 6)
    for function in DISTILLATIONS:
        value_and_grad(function, x, teacher, alpha=2.0)
    for values, copy in zip(batch, copies, strict=True):
        assert torch.equal(values, copy)


def test_any_integer_label_and_ignore_index(batch):
    x, _, label = batch
    want = value_and_grad(unbiased_cross_entropy, x, label, 6)
    got = value_and_grad(unbiased_cross_entropy, x, label.to(torch.uint8), 6)
    torch.testing.assert_close(got, want)
    other = label.masked_fill(label == 255, -100)
    got = value_and_grad(unbiased_cross_entropy, x, other, 6, ignore_index=-100)
    torch.testing.assert_close(got, want)
    known = label.masked_fill(label == 255, 7)
    loss, grad = value_and_grad(unbiased_cross_entropy, x, known, 6, ignore_index=0)
    assert torch.equal(loss == 0, label == 0)
    assert torch.equal((grad == 0).all(1), label == 0)


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(x=torch.zeros(2, 4, 3)), 'logits must be .*got .*2, 4, 3'),
        (dict(x=torch.zeros(2, 4, 3, 3, dtype=torch.long)), 'floating point'),
        (dict(x=torch.zeros(0, 4, 3, 3)), 'non-empty'),
        (dict(label=torch.zeros(2, 3, 4).long()), 'label must have .*2, 3, 4'),
        (dict(label=torch.zeros(2, 1, 3, 3).long()), 'label must have .*2, 1, 3, 3'),
        (dict(label=torch.zeros(2, 3, 3)), 'integer .*float32'),
        (dict(old=0), 'num_old_classes=0 .*4 logits'),
        (dict(old=4), 'num_old_classes=4 .*4 logits.*one new class'),
    ],
)
def test_cross_entropy_names_bad_input(change, message):
    given_ = dict(x=torch.zeros(2, 4, 3, 3), label=torch.zeros(2, 3, 3).long(), old=2)
    given_.update(change)
    with pytest.raises(ValueError, match=message):
        unbiased_cross_entropy(given_['x'], given_['label'], given_['old'])


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
def test_distillation_names_bad_input(function, teacher, alpha, message):
    with pytest.raises(ValueError, match=message):
        function(torch.zeros(2, 4, 3, 3), teacher, alpha)
