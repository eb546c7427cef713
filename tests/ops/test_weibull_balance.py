import math

import pytest
import torch

from mmseg_labelfree.ops.entropy_balance import entropy_balance
from mmseg_labelfree.ops.weibull_balance import weibull_balance

P = [0.7, 0.2, 0.1, 0.0]


def density(x, k, scale):
    x = (x + 1e-6) / scale
    return k / scale * x ** (k - 1) * math.exp(-(x**k))


def test_by_its_formula():
    p = torch.tensor(P, dtype=torch.double)
    paper = sum(density(x, 0.3, 1.0) for x in P)
    assert weibull_balance(p).item() == pytest.approx(paper, rel=1e-9)
    assert weibull_balance(p, 0.5, 2.0).item() == pytest.approx(
        sum(density(x, 0.5, 2.0) for x in P), rel=1e-9
    )
    official = sum(density(x / 0.7, 0.3, 5.0) for x in P) / 4
    found = weibull_balance(p, 0.3, 5.0, 'official').item()
    assert found == pytest.approx(official, rel=1e-9)


def test_tolerates_imbalance_and_entropy_does_not():
    """Figure 3: both are worst for an empty cluster; Weibull is flat elsewhere."""
    ratios = (1e-6, 0.05, 1.0)
    pairs = [torch.tensor([1.0, r]) / (1 + r) for r in ratios]
    for balance in (weibull_balance, entropy_balance):
        empty, skewed, equal = (balance(p).item() for p in pairs)
        rise = (skewed - equal) / (empty - equal)
        assert empty > skewed > equal
        assert (rise < 0.02) is (balance is weibull_balance)


@pytest.mark.parametrize('variant', ['paper', 'official'])
def test_gradcheck(variant):
    logits = torch.randn(4, generator=torch.Generator().manual_seed(0)).double()
    assert torch.autograd.gradcheck(
        lambda x: weibull_balance(x.softmax(0), 0.3, 5.0, variant),
        logits.requires_grad_(),
    )


def test_an_empty_cluster_has_a_gradient():
    logits = torch.tensor([0.0, 0.0, -30.0], requires_grad=True)
    weibull_balance(logits.softmax(0)).backward()
    assert logits.grad[2] < 0


def test_unknown_variant():
    with pytest.raises(ValueError, match="'paper' or 'official', got 'code'"):
        weibull_balance(torch.tensor(P), variant='code')
