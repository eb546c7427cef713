"""MMSegmentation's ResNet, but for the sizes after max pooling."""

import pytest
import torch
from mmseg.registry import MODELS

SMALL = dict(depth=18, stem_channels=8, base_channels=4, deep_stem=True)


@pytest.fixture
def networks():
    torch.manual_seed(0)
    ours = MODELS.build(dict(type='CeilPoolResNet', **SMALL))
    stock = MODELS.build(dict(type='ResNet', **SMALL))
    stock.load_state_dict(ours.state_dict())
    for network in (ours, stock):
        network.eval()
    return ours, stock


def test_odd_sizes_are_the_same(networks):
    images = torch.randn(2, 3, 65, 97)
    with torch.no_grad():
        ours, stock = (network(images) for network in networks)
    for found, expected in zip(ours, stock, strict=True):
        assert torch.equal(found, expected)


def test_even_sizes_are_rounded_up(networks):
    ours, stock = networks
    images = torch.randn(1, 3, 64, 96)
    assert ours(images)[0].shape[2:] == (17, 25)
    assert stock(images)[0].shape[2:] == (16, 24)
