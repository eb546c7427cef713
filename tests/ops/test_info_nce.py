import math

import pytest
import torch
import torch.nn.functional as F

from mmseg_labelfree.ops import feature_bank
from mmseg_labelfree.ops.info_nce import info_nce


@pytest.fixture
def case():
    generator = torch.Generator().manual_seed(0)
    kwargs = dict(dtype=torch.float64, generator=generator)
    anchors = F.normalize(torch.randn(7, 5, **kwargs), dim=1).requires_grad_()
    positives = F.normalize(torch.randn(7, 5, **kwargs), dim=1)
    bank = F.normalize(torch.randn(20, 5, **kwargs), dim=1)
    negatives = torch.randint(20, (7, 6), generator=generator)
    return anchors, positives, bank, negatives


def literal(anchors, positives, bank, negatives, temperature):
    losses = []
    for anchor, positive, index in zip(anchors, positives, negatives, strict=True):
        top = torch.exp(anchor @ positive / temperature)
        rest = sum(torch.exp(anchor @ bank[j] / temperature) for j in index)
        losses.append(-torch.log(top / (top + rest)))
    return torch.stack(losses)


@pytest.mark.parametrize('rows', [1, 3, 100])
def test_equals_the_equation_in_any_block_size(case, rows, monkeypatch):
    monkeypatch.setattr(feature_bank, 'CPU_BLOCK', rows * 4 * 6 * 5)
    weight = torch.arange(7.0).double()
    want = literal(*case, 0.5)
    (want_grad,) = torch.autograd.grad((weight * want).sum(), case[0])
    got = info_nce(*case, 0.5)
    (grad,) = torch.autograd.grad((weight * got).sum(), case[0])
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(grad, want_grad)


def test_gradient(case):
    assert torch.autograd.gradcheck(lambda a: info_nce(a, *case[1:], 0.3), case[0])


def test_is_float32_under_autocast_with_a_half_precision_bank(case):
    anchors, positives, bank, negatives = case
    anchors, positives = anchors.detach().float(), positives.float()
    bank = bank.half()
    want = info_nce(anchors.double(), positives.double(), bank, negatives)
    with torch.autocast('cpu', torch.bfloat16):
        got = info_nce(anchors, positives, bank, negatives)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, want.float())


def test_alike_everywhere_is_the_logarithm_of_the_choices():
    ones = F.normalize(torch.ones(2, 3), dim=1)
    index = torch.zeros(2, 50, dtype=torch.long)
    got = info_nce(ones, ones, ones, index)
    torch.testing.assert_close(got, torch.full((2,), math.log(51)))


def test_no_anchor(case):
    _, _, bank, _ = case
    none = torch.zeros(0, 5, dtype=torch.float64, requires_grad=True)
    loss = info_nce(none, none.detach(), bank, torch.zeros(0, 6, dtype=torch.long))
    assert loss.shape == (0,)
    loss.sum().backward()
    assert none.grad.shape == (0, 5)
