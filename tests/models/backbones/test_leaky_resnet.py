"""mmseg's ResNet, but for the slope of its activations.

``tests/tools/test_mib_converter.py`` compares it with the network of MiB's authors.
"""

import pytest
import torch
from mmseg.registry import MODELS
from torch import nn


def build(kind, **settings):
    torch.manual_seed(0)
    network = MODELS.build(
        dict(type=kind, depth=50, base_channels=4, stem_channels=4, **settings)
    )
    network.eval()
    return network


@pytest.mark.parametrize('deep_stem', [False, True])
def test_without_a_slope_it_is_mmsegs(deep_stem):
    stock = build('ResNet', deep_stem=deep_stem)
    images = torch.randn(1, 3, 33, 49)
    outputs = []
    for slope in (0.0, 0.01):
        ours = build('LeakyResNet', negative_slope=slope, deep_stem=deep_stem)
        ours.load_state_dict(stock.state_dict())
        outputs.append(ours(images)[-1])
    expected = stock(images)[-1]
    torch.testing.assert_close(outputs[0], expected, rtol=0, atol=0)
    assert outputs[1].min() < 0 <= expected.min()


def test_no_activation_is_left_out():
    def activations(kind, layer):
        return sum(isinstance(m, layer) for m in build(kind).modules())

    count = activations('ResNet', nn.ReLU)
    assert activations('LeakyResNet', nn.LeakyReLU) == count == 1 + 3 + 4 + 6 + 3
    assert activations('LeakyResNet', nn.ReLU) == 0
