"""Strips give what the same equation gives on logits enlarged as a whole."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_labelfree.ops.strips import striped_loss, striped_map


def equation(student, teacher, label, weight):
    """Two sums that need all inputs: a weighted cross-entropy and a distillation."""
    log_q = student.log_softmax(1)
    loss = F.nll_loss(log_q, label, ignore_index=255, reduction='none') * weight
    match = (teacher.softmax(1) * log_q[:, : teacher.shape[1]]).sum()
    return torch.stack([loss.sum(), -match])


def enlarged(x, size, align_corners):
    return F.interpolate(x, size, mode='bilinear', align_corners=align_corners)


def inputs(sizes, size, batch=2, dtype=torch.float64, seed=0):
    g = torch.Generator().manual_seed(seed)
    student = torch.randn(batch, 5, *sizes[0], generator=g, dtype=dtype)
    teacher = torch.randn(batch, 3, *sizes[1], generator=g, dtype=dtype)
    label = torch.randint(0, 6, (batch, *size), generator=g)
    label[label == 5] = 255
    weight = torch.rand(batch, *size, generator=g, dtype=dtype)
    return student.requires_grad_(), teacher, label, weight


@settings(max_examples=40, deadline=None)
@given(data=st.data(), align_corners=st.booleans())
def test_value_and_gradient_for_any_sizes_and_strips(data, align_corners):
    side = st.integers(1, 13)
    sizes = [data.draw(st.tuples(side, side)) for _ in range(2)]
    size = data.draw(st.tuples(side, side))
    student, teacher, label, weight = inputs(sizes, size)
    factors = torch.tensor([0.7, 3.0], dtype=torch.float64)
    full = [enlarged(x, size, align_corners) for x in (student, teacher)]
    expected = factors * equation(*full, label, weight)
    (wanted,) = torch.autograd.grad(expected.sum(), student)
    total, parts = striped_loss(
        equation,
        [student, teacher],
        size,
        label,
        weight,
        align_corners=align_corners,
        factors=factors,
        strip_bytes=data.draw(st.sampled_from([1, 400, 2000, 10**6])),
    )
    assert not parts.requires_grad
    torch.testing.assert_close(parts, expected.detach())
    torch.testing.assert_close(total, expected.sum().detach())
    (found,) = torch.autograd.grad(2 * total, student)
    torch.testing.assert_close(found, 2 * wanted, atol=1e-12, rtol=1e-10)


def test_gradients_of_several_logits():
    student, teacher, label, weight = inputs([(3, 4), (5, 2)], (9, 7))
    teacher.requires_grad_()
    expected = equation(
        *(enlarged(x, (9, 7), False) for x in (student, teacher)), label, weight
    )
    wanted = torch.autograd.grad(expected.sum(), [student, teacher])
    total, _ = striped_loss(
        equation, [student, teacher], (9, 7), label, weight, strip_bytes=1
    )
    found = torch.autograd.grad(total, [student, teacher])
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b)


def test_gradcheck():
    student, teacher, label, weight = inputs([(2, 3), (3, 2)], (5, 4))

    def total(x):
        return striped_loss(
            equation, [x, teacher], (5, 4), label, weight, strip_bytes=600
        )[0]

    assert torch.autograd.gradcheck(total, student)


def test_second_derivative_is_refused():
    student, teacher, label, weight = inputs([(2, 2)] * 2, (4, 4))
    total, _ = striped_loss(equation, [student, teacher], (4, 4), label, weight)
    with pytest.raises(RuntimeError, match='no second derivative'):
        torch.autograd.grad(total, student, create_graph=True)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(dtype):
    """Also under autocast, where a product of matrices would be rounded."""
    student, teacher, label, weight = inputs([(4, 4)] * 2, (16, 16), dtype=torch.float)
    halves = [x.detach().to(dtype).requires_grad_() for x in (student, teacher)]
    exact = [x.detach().float().requires_grad_() for x in halves]
    with torch.autocast('cpu', torch.bfloat16):
        total, _ = striped_loss(equation, halves, (16, 16), label, weight)
    expected, _ = striped_loss(equation, exact, (16, 16), label, weight)
    assert total.dtype == torch.float32 and total == expected
    total.backward()
    expected.backward()
    for half, single in zip(halves, exact, strict=True):
        assert half.grad.dtype == dtype
        assert torch.equal(half.grad, single.grad.to(dtype))


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16, torch.float32])
def test_maps_of_half_precision_are_computed_in_float32(dtype):
    logits = 5 * torch.randn(2, 6, 5, 4)
    logits = logits.to(dtype)
    expected = striped_map(lambda x: x, [logits.float()], (17, 16))
    with torch.autocast('cpu', torch.bfloat16):
        found = striped_map(lambda x: x, [logits], (17, 16))
        nothing = striped_map(lambda x: x, [logits[:0]], (17, 16))
    assert torch.equal(found[0], expected[0])
    assert nothing[0].dtype == torch.float32


def test_a_loss_scale_saves_small_gradients_in_float16():
    """What float16 can't hold unscaled comes through times the scale."""
    x = torch.zeros(1, 4, 2, 2, dtype=torch.float16, requires_grad=True)
    label = torch.zeros(1, 8, 8, dtype=torch.long)
    tiny = torch.tensor([1e-10])

    def loss(x, label):
        return F.cross_entropy(x, label, reduction='sum')

    total, _ = striped_loss(loss, [x], (8, 8), label, factors=tiny)
    (gradient,) = torch.autograd.grad(total * 2.0**20, x)
    expected = torch.tensor([-0.75, 0.25, 0.25, 0.25]) * 16e-10 * 2.0**20
    torch.testing.assert_close(
        gradient[0, :, 0, 0].float(), expected, rtol=1e-3, atol=0
    )


def test_channels_last_and_per_image_maps():
    """A map with one row and column says something of its image."""
    student, _, label, _ = inputs([(6, 6)] * 2, (12, 12))
    bias = torch.randn(2, 5, 1, 1, dtype=torch.float64)

    def biased(x, label, bias):
        return F.cross_entropy(x + bias, label, ignore_index=255, reduction='sum')

    results = []
    for x in (student, student.detach().to(memory_format=torch.channels_last)):
        x = x.detach().requires_grad_()
        total, _ = striped_loss(biased, [x], (12, 12), label, bias, strip_bytes=999)
        total.backward()
        results.append((total, x.grad))
    expected = biased(enlarged(student, (12, 12), False), label, bias)
    (gradient,) = torch.autograd.grad(expected, student)
    for total, found in results:
        torch.testing.assert_close(total, expected.detach())
        torch.testing.assert_close(found, gradient)


def test_no_gradient_no_slope():
    student, teacher, label, weight = inputs([(3, 3)] * 2, (6, 6))
    with torch.no_grad():
        total, _ = striped_loss(equation, [student, teacher], (6, 6), label, weight)
    assert not total.requires_grad
    total, _ = striped_loss(
        equation, [student.detach(), teacher], (6, 6), label, weight
    )
    assert not total.requires_grad


@pytest.mark.parametrize('strip_bytes', [1, 700, None])
@pytest.mark.parametrize('align_corners', [False, True])
def test_maps(strip_bytes, align_corners):
    x = torch.randn(3, 4, 5, 3)
    offset = torch.randn(3, 11, 8)

    def maps(logits, offset):
        p = logits.softmax(1)
        return p.argmax(1), p.amax(1) + offset, p[:, :2]

    found = striped_map(
        maps,
        [x],
        (11, 8),
        offset,
        align_corners=align_corners,
        strip_bytes=strip_bytes,
    )
    expected = maps(enlarged(x, (11, 8), align_corners), offset)
    assert found[0].dtype == torch.int64
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(
    'logits, maps, message',
    [
        ([torch.zeros(1, 2, 3)], [], 'logits must be .* got torch.float32 of shape'),
        ([torch.zeros(1, 2, 3, 3).int()], [], 'logits must be .* got torch.int32'),
        (
            [torch.zeros(1, 2, 3, 3), torch.zeros(2, 2, 3, 3)],
            [],
            'logits of 1 images on cpu do not go with logits of 2 images',
        ),
        (
            [torch.zeros(1, 2, 3, 3)],
            [torch.zeros(1, 3, 4)],
            r'a map of shape \(1, 3, 4\) does not cover 1 images of 4 x 4 pixels',
        ),
    ],
)
def test_what_does_not_fit_is_refused(logits, maps, message):
    with pytest.raises(ValueError, match=message):
        striped_loss(lambda *_: torch.zeros(()), logits, (4, 4), *maps)


def test_few_rows_exist_at_a_time():
    """No tensor that the equation sees is larger than a strip."""
    seen = []

    def watching(x, label):
        seen.append(x.numel() * x.element_size())
        return F.cross_entropy(x, label, reduction='sum')

    logits = torch.randn(2, 7, 8, 8, requires_grad=True)
    label = torch.zeros(2, 64, 64, dtype=torch.long)
    total, _ = striped_loss(watching, [logits], (64, 64), label, strip_bytes=10_000)
    assert max(seen) <= 10_000 and sum(seen) == 2 * 7 * 64 * 64 * 4
    assert total.requires_grad
