import pytest
import torch
from mmseg.registry import MODELS


@pytest.mark.parametrize('size', [(65, 97), (64, 96)])
@torch.no_grad()
def test_sizes_are_rounded_up_and_nothing_else_differs(size):
    torch.manual_seed(0)
    small = dict(depth=18, stem_channels=4, base_channels=4, strides=(1, 1, 1, 1))
    ours, stock = (
        MODELS.build(dict(type=kind, **small)) for kind in ('CeilPoolResNet', 'ResNet')
    )
    stock.load_state_dict(ours.state_dict())
    for network in (ours, stock):
        network.eval()
    images = torch.randn(1, 3, *size)
    found, others = ours(images)[-1], stock(images)[-1]
    assert found.shape[2:] == (17, 25)
    assert torch.equal(found, others) is (size == (65, 97))
