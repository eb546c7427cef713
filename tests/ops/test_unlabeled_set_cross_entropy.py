import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_labelfree.ops.unlabeled_set_cross_entropy import (
    image_classes,
    unlabeled_set_cross_entropy,
)

sizes = st.tuples(
    st.integers(1, 3), st.integers(1, 6), st.integers(1, 4), st.integers(1, 4)
)


def make_batch(size, seed, scale=3.0, dtype=torch.float64):
    """Logits, label maps with 254 and 255, and a random class set per image."""
    batch, classes, height, width = size
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(size, generator=generator, dtype=torch.float64)
    label = torch.randint(0, classes + 3, (batch, height, width), generator=generator)
    label = torch.where(label == classes, 255, torch.where(label > classes, 254, label))
    class_set = torch.rand(batch, classes, generator=generator) < 0.5
    return logits.to(dtype).requires_grad_(), label, class_set


def reference_pixel(x, label, members):
    """Loss of one pixel and its derivative by each logit, in plain Python."""
    zero = [0.0] * len(x)
    if label == 255 or (label == 254 and not members):
        return 0.0, zero
    top = max(x)
    exps = [math.exp(v - top) for v in x]
    q = [e / math.fsum(exps) for e in exps]
    group = members if label == 254 else [label]
    p = math.fsum(q[k] for k in group)
    return -math.log(p), [q[j] - (q[j] / p if j in group else 0) for j in range(len(x))]


@given(sizes, st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_agrees_with_a_loop_over_pixels(size, seed):
    logits, label, class_set = make_batch(size, seed)
    factor = torch.rand(label.shape, dtype=torch.float64)
    loss = unlabeled_set_cross_entropy(logits, label, class_set)
    (grad,) = torch.autograd.grad((loss * factor).sum(), logits)
    want, want_grad = torch.zeros_like(loss), torch.zeros_like(grad)
    for n, i, j in torch.cartesian_prod(*map(torch.arange, label.shape)).tolist():
        members = class_set[n].nonzero().flatten().tolist()
        value, slope = reference_pixel(
            logits[n, :, i, j].tolist(), int(label[n, i, j]), members
        )
        want[n, i, j] = value
        want_grad[n, :, i, j] = factor[n, i, j] * grad.new_tensor(slope)
    torch.testing.assert_close(loss.detach(), want.detach(), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(grad, want_grad, rtol=1e-9, atol=1e-12)


def test_gradcheck():
    logits, label, class_set = make_batch((2, 5, 3, 4), 0, scale=1.0)
    class_set[0], class_set[1, 1:3] = False, True
    torch.autograd.gradcheck(
        lambda x: unlabeled_set_cross_entropy(x, label, class_set), logits
    )


@given(sizes, st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_all_classes_or_none_cost_nothing_when_unlabeled(size, seed):
    logits, label, class_set = make_batch(size, seed)
    for members in (torch.ones_like(class_set), torch.zeros_like(class_set)):
        loss = unlabeled_set_cross_entropy(logits, label, members)
        (grad,) = torch.autograd.grad(loss.sum(), logits)
        assert (loss[label == 254] == 0).all()
        assert (grad.movedim(1, -1)[label >= 254] == 0).all()


@given(sizes, st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_full_labels_are_the_cross_entropy(size, seed):
    logits, label, class_set = make_batch(size, seed)
    label = torch.where(label == 254, 0, label)
    got = unlabeled_set_cross_entropy(logits, label, class_set)
    want = F.cross_entropy(logits, label, reduction='none', ignore_index=255)
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(
        torch.autograd.grad(got.sum(), logits), torch.autograd.grad(want.sum(), logits)
    )


@given(sizes, st.integers(0, 10**6), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_order_of_classes_does_not_matter(size, seed, random):
    logits, label, class_set = make_batch(size, seed)
    order = list(range(size[1]))
    random.shuffle(order)
    new = torch.arange(256)
    new[order] = torch.arange(size[1])
    torch.testing.assert_close(
        unlabeled_set_cross_entropy(logits[:, order], new[label], class_set[:, order]),
        unlabeled_set_cross_entropy(logits, label, class_set),
    )


@given(sizes, st.integers(0, 10**6), st.integers(0, 5))
@settings(max_examples=30, deadline=None)
def test_a_larger_set_never_costs_more(size, seed, added):
    logits, label, class_set = make_batch(size, seed)
    class_set[:, 0] = True
    larger = class_set.clone()
    larger[:, added % size[1]] = True
    small = unlabeled_set_cross_entropy(logits, label, class_set)
    large = unlabeled_set_cross_entropy(logits, label, larger)
    assert (large <= small + 1e-12).all()


def test_gamma_weighs_the_unlabeled_pixels():
    logits, label, class_set = make_batch((2, 4, 5, 6), 1)
    plain = unlabeled_set_cross_entropy(logits, label, class_set)
    weighted = unlabeled_set_cross_entropy(logits, label, class_set, gamma=0.3)
    factor = torch.where(label == 254, 0.3, 1.0)
    torch.testing.assert_close(weighted, factor * plain)
    assert (plain[label == 254] > 0).any() and (plain[label < 254] > 0).any()


def test_one_member_is_the_cross_entropy_with_that_label():
    logits, label, class_set = make_batch((2, 4, 3, 3), 3)
    class_set[:] = torch.tensor([False, False, True, False])
    torch.testing.assert_close(
        unlabeled_set_cross_entropy(logits, torch.full_like(label, 254), class_set),
        unlabeled_set_cross_entropy(logits, torch.full_like(label, 2), class_set),
    )


@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize('gap', [200.0, 60000.0])
def test_finite_where_the_probability_of_the_set_is_zero(dtype, gap):
    logits = torch.zeros(1, 4, 1, 3, dtype=dtype)
    logits[:, 3] = gap
    logits.requires_grad_()
    label = torch.tensor([[[254, 1, 3]]])
    class_set = torch.tensor([[True, True, False, False]])
    loss = unlabeled_set_cross_entropy(logits, label, class_set)
    (grad,) = torch.autograd.grad(loss.sum(), logits)
    gap = logits.detach()[0, 3, 0, 0].float()
    want = torch.stack([gap - math.log(2), gap, gap * 0])
    torch.testing.assert_close(loss[0, 0], want)
    assert loss.dtype == torch.float32 and grad.dtype == dtype
    slopes = [[-0.5, -0.5, 0, 1], [0, -1, 0, 1], [0, 0, 0, 0]]
    assert grad[0, :, 0].T.tolist() == slopes


def test_half_precision_equals_float32_of_the_rounded_logits():
    logits, label, class_set = make_batch((2, 5, 4, 4), 7, dtype=torch.bfloat16)
    full = logits.detach().float().requires_grad_()
    got = unlabeled_set_cross_entropy(logits, label, class_set)
    want = unlabeled_set_cross_entropy(full, label, class_set)
    assert torch.equal(got, want)
    (grad,) = torch.autograd.grad(got.sum(), logits)
    (want_grad,) = torch.autograd.grad(want.sum(), full)
    assert torch.equal(grad, want_grad.bfloat16())


def test_channels_last_changes_nothing():
    logits, label, class_set = make_batch((2, 5, 7, 6), 9)
    results = []
    for layout in (torch.contiguous_format, torch.channels_last):
        x = logits.detach().contiguous(memory_format=layout).requires_grad_()
        loss = unlabeled_set_cross_entropy(x, label, class_set)
        results.append((loss.detach(), *torch.autograd.grad(loss.sum(), x)))
    torch.testing.assert_close(*results)


def test_image_classes():
    label = torch.tensor([[[0, 2], [254, 255]], [[254, 254], [3, 3]]])
    want = [[True, False, True, False], [False, False, False, True]]
    assert image_classes(label, 4).tolist() == want
    assert image_classes(label.to(torch.uint8), 4).tolist() == want
    assert image_classes(torch.tensor([[[-1, 9]]]), 2).tolist() == [[False, False]]


def test_bad_input():
    logits, label, class_set = make_batch((2, 3, 4, 5), 0)
    with pytest.raises(ValueError, match=r'label must have shape'):
        unlabeled_set_cross_entropy(logits, label[:, :2], class_set)
    with pytest.raises(ValueError, match='integer class indices'):
        unlabeled_set_cross_entropy(logits, label.double(), class_set)
    for wrong in (class_set[:1], class_set.long(), class_set[:, :2]):
        with pytest.raises(ValueError, match=r'class_set must be bool of shape \(2, 3'):
            unlabeled_set_cross_entropy(logits, label, wrong)
    for indices in ((255, 255), (2, 255), (254, 0)):
        with pytest.raises(ValueError, match='must differ'):
            unlabeled_set_cross_entropy(logits, label, class_set, 1.0, *indices)
