import math

import pytest
import torch
import torch.nn.functional as F

from mmseg_labelfree.ops.symmetric_cross_entropy import symmetric_cross_entropy


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(2, 5, 3, 4, dtype=torch.float64, generator=generator)
    label = torch.randint(0, 5, (2, 3, 4), generator=generator)
    label[0, 1] = 255
    return logits.requires_grad_(), label


def literal(logits, label, xi1, xi2, least):
    """Both cross-entropies as written, pixel by pixel."""
    p = logits.softmax(1)
    loss = torch.zeros_like(logits[:, 0])
    for n, y, x in torch.nonzero(label != 255).tolist():
        one_hot = F.one_hot(label[n, y, x], logits.shape[1]).to(p)
        forward = -(one_hot * p[n, :, y, x].log()).sum()
        reverse = -(p[n, :, y, x] * one_hot.clamp(min=least).log()).sum()
        loss[n, y, x] = xi1 * forward + xi2 * reverse
    return loss


@pytest.mark.parametrize(('xi1', 'xi2'), [(1.0, 0.1), (0.1, 1.0), (0.0, 1.0)])
@pytest.mark.parametrize('least', [1e-4, 1e-2])
def test_value_and_gradient_are_the_equation(batch, xi1, xi2, least):
    logits, label = batch
    weight = torch.rand(label.shape, dtype=torch.float64)
    got = symmetric_cross_entropy(logits, label, xi1, xi2, least)
    want = literal(logits, label, xi1, xi2, least)
    torch.testing.assert_close(got, want)
    (grad,) = torch.autograd.grad((weight * got).sum(), logits)
    (want_grad,) = torch.autograd.grad((weight * want).sum(), logits)
    torch.testing.assert_close(grad, want_grad)


def test_gradcheck(batch):
    logits, label = batch
    assert torch.autograd.gradcheck(
        lambda x: symmetric_cross_entropy(x, label, 1.0, 0.7), logits
    )


def test_without_the_reverse_term_it_is_cross_entropy(batch):
    logits, label = batch
    got = symmetric_cross_entropy(logits, label, xi2=0.0)
    want = F.cross_entropy(logits, label, ignore_index=255, reduction='none')
    torch.testing.assert_close(got, want)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(batch, dtype):
    logits, label = batch
    half = logits.detach().to(dtype)
    got = symmetric_cross_entropy(half, label)
    want = symmetric_cross_entropy(half.double(), label)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, want.float())


def test_a_surely_wrong_label_costs_a_finite_reverse_term():
    logits = torch.tensor([0.0, 1e4]).view(1, 2, 1, 1).requires_grad_()
    label = torch.zeros(1, 1, 1, dtype=torch.long)
    loss = symmetric_cross_entropy(logits, label, xi1=0.0, xi2=1.0)
    assert loss.item() == pytest.approx(-math.log(1e-4))
    loss.sum().backward()
    assert logits.grad.abs().max() == 0


def test_bad_arguments(batch):
    logits, label = batch
    with pytest.raises(ValueError, match='least'):
        symmetric_cross_entropy(logits, label, least=0.0)
    with pytest.raises(ValueError, match='shape'):
        symmetric_cross_entropy(logits, label[:1])
    with pytest.raises(ValueError, match='class indices'):
        symmetric_cross_entropy(logits, label.float())
