import math

import pytest
import torch

from mmseg_labelfree.ops.entropy_balance import entropy_balance


def test_by_its_formula():
    p = [0.7, 0.2, 0.1, 0.0]
    expected = sum(x * math.log(x + 1e-6) for x in p)
    found = entropy_balance(torch.tensor(p, dtype=torch.double)).item()
    assert found == pytest.approx(expected, rel=1e-9)
    uniform = torch.full((5,), 0.2, dtype=torch.double)
    assert entropy_balance(uniform).item() == pytest.approx(-math.log(5), abs=1e-4)


def test_gradcheck():
    logits = torch.randn(4, generator=torch.Generator().manual_seed(0)).double()
    assert torch.autograd.gradcheck(
        lambda x: entropy_balance(x.softmax(0)), logits.requires_grad_()
    )
