import torch
from mmseg.registry import OPTIM_WRAPPERS
from torch import nn


def test_forward_in_bfloat16_weights_in_float32():
    model = nn.Linear(8, 4)
    wrapper = OPTIM_WRAPPERS.build(
        dict(
            type='BFloat16OptimWrapper',
            optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        )
    )
    x = torch.randn(16, 8)
    expected = x.bfloat16() @ model.weight.bfloat16().T + model.bias.bfloat16()
    before = model.weight.detach().clone()
    with wrapper.optim_context(model):
        y = model(x)
        assert y.dtype == torch.bfloat16
        torch.testing.assert_close(y, expected, rtol=2e-2, atol=2e-2)
    wrapper.update_params(y.float().square().mean())
    assert model.weight.dtype == torch.float32
    assert not torch.equal(before, model.weight)
    assert model(x).dtype == torch.float32
