import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_labelfree.ops.unbiased_cross_entropy import unbiased_cross_entropy


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


def test_values_by_hand():
    # q = (1, 2, 3, 4) / 10.
    x = torch.tensor([1.0, 2.0, 3.0, 4.0]).log().view(1, 4, 1, 1).expand(1, 4, 1, 4)
    label = torch.tensor([[[0, 1, 3, 255]]])
    loss = unbiased_cross_entropy(x, label, num_old_classes=2).exp()
    torch.testing.assert_close(loss, torch.tensor([[[1 / 0.3, 1 / 0.2, 1 / 0.4, 1.0]]]))


def literal_ce(x, label, old):
    q = x.log_softmax(1)
    p = torch.cat([q[:, :old].logsumexp(1, keepdim=True), q[:, 1:]], 1)
    return F.nll_loss(p, label, ignore_index=255, reduction='none')


@pytest.fixture
def batch():
    """Logits and labels."""
    rng = np.random.default_rng(3)
    x = torch.from_numpy(rng.normal(0, 3, (2, 9, 50, 37))).float()
    return x, random_label(rng, (2, 50, 37), 9, 6)


@pytest.mark.parametrize(
    'layout', ['contiguous', 'channels_last', 'strided', 'swapped']
)
def test_equals_autograd_of_the_equation(batch, layout):
    x, label = batch
    if layout == 'channels_last':
        x = x.contiguous(memory_format=torch.channels_last)
    elif layout == 'strided':
        x, label = x[..., ::2], label[..., ::2]
    elif layout == 'swapped':
        x, label = x.transpose(-1, -2), label.transpose(-1, -2)
    factor = torch.linspace(-1, 2, label.numel()).view(label.shape)
    for old in (6, 1):
        got = value_and_grad(unbiased_cross_entropy, x, label, old, factor=factor)
        want = value_and_grad(literal_ce, x, label, old, factor=factor)
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('ignored', [0.0, 0.3])
def test_one_old_class_is_plain_cross_entropy(batch, ignored):
    x, _ = batch
    generator = torch.Generator().manual_seed(0)
    label = torch.randint(0, 9, (2, 50, 37), generator=generator)
    label[torch.rand(label.shape, generator=generator) < ignored] = 255
    got = value_and_grad(unbiased_cross_entropy, x, label, 1)
    want = value_and_grad(F.cross_entropy, x, label, ignore_index=255, reduction='none')
    torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize('old', [1, 3])
def test_gradcheck(old):
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(0, 2, (2, 5, 2, 3))).requires_grad_()
    label = random_label(rng, (2, 2, 3), 5, old)
    assert torch.autograd.gradcheck(lambda x: unbiased_cross_entropy(x, label, old), x)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(batch, dtype):
    x, label = batch
    x = x.to(dtype)
    # Inputs are exact in float64, so only the gradient is rounded, and once.
    rounding = torch.finfo(dtype).eps / 2
    with torch.autocast('cpu', torch.bfloat16):
        loss, grad = value_and_grad(unbiased_cross_entropy, x, label, 6)
    want, want_grad = value_and_grad(unbiased_cross_entropy, x.double(), label, 6)
    assert loss.dtype == torch.float32
    assert grad.dtype == dtype
    torch.testing.assert_close(loss.double(), want, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(grad.double(), want_grad, rtol=1.1 * rounding, atol=1e-6)


def test_small_average_in_float16_needs_no_more_than_the_loss_scale():
    # 1 / pixels is below the smallest normal float16 number: a gradient that had been
    # divided before the scale came in would have lost its digits.
    x = torch.zeros(1, 4, 512, 512, dtype=torch.float16)
    x[:, 1] = 0.5
    label = torch.full((1, 512, 512), 3)
    grads = []
    for leaf in (x.clone().requires_grad_(), x.double().requires_grad_()):
        (unbiased_cross_entropy(leaf, label, 2).mean() * 65536).backward()
        grads.append(leaf.grad.double())
    torch.testing.assert_close(*grads, rtol=1e-3, atol=1e-7)
    assert (grads[0] != 0).all()


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


def test_inputs_are_not_changed(batch):
    copies = [values.clone() for values in batch]
    value_and_grad(unbiased_cross_entropy, *batch, 6)
    for values, copy in zip(batch, copies, strict=True):
        assert torch.equal(values, copy)


def test_any_integer_label_and_ignore_index(batch):
    x, label = batch
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
def test_names_bad_input(change, message):
    arguments = dict(
        x=torch.zeros(2, 4, 3, 3), label=torch.zeros(2, 3, 3).long(), old=2
    )
    arguments.update(change)
    with pytest.raises(ValueError, match=message):
        unbiased_cross_entropy(arguments['x'], arguments['label'], arguments['old'])
