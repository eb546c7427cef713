"""DeepLabV3+ with full convolutions, beside the second head.

``tests/tools/test_u2pl_converter.py`` compares it with the authors' numbers.
"""

import pytest
import torch
from mmseg.registry import MODELS
from torch import nn


def make_head(**kwargs):
    cfg = dict(
        type='DeepLabV3PlusHead',
        in_channels=10,
        in_index=1,
        c1_in_channels=6,
        c1_channels=4,
        channels=8,
        dilations=(1, 2),
        num_classes=5,
        norm_cfg=dict(type='BN'),
        align_corners=True,
    )
    return MODELS.build(cfg | kwargs)


@pytest.fixture
def features():
    generator = torch.Generator().manual_seed(0)
    shapes = [(2, 6, 16, 16), (2, 10, 8, 8)]
    return [torch.randn(shape, generator=generator) for shape in shapes]


def test_the_details_come_first_and_every_weight_learns(features):
    head = make_head()
    with torch.no_grad():
        details = head.c1_bottleneck(features[0])
    second = MODELS.build(
        dict(type='RepresentationHead', in_channels=12, channels=8, layer='fusion')
    )
    with second.recording(head) as fused:
        logits = head(features)
    assert logits.shape == (2, 5, 16, 16)
    assert torch.equal(fused[0][:, :4], details)
    logits.square().sum().backward()
    assert all(p.grad is not None for p in head.parameters())


def test_whole_channels_are_dropped_after_aspp(features):
    head = make_head(dropout_ratio=0.5)
    second = MODELS.build(
        dict(type='RepresentationHead', in_channels=12, channels=8, layer='fusion')
    )
    with second.recording(head) as fused:
        head(features)
    kept = fused[0].abs().sum((2, 3)) > 0
    assert kept[:, :4].all() and not kept[:, 4:].all()
    kinds = [type(m) for m in head.fusion]
    assert kinds[1] is nn.Dropout2d


def test_layers_of_unimatch():
    ours, theirs = make_head(), make_head(context_kernel_size=1, bias=False)
    assert ours.bottleneck.conv.weight.shape == (8, 24, 3, 3)
    assert theirs.bottleneck.conv.weight.shape == (8, 24, 1, 1)
    biases = [n for n, _ in theirs.named_parameters() if n.endswith('conv.bias')]
    assert not biases
    convolutions = (ours.c1_bottleneck, ours.fusion[0], ours.fusion[2])
    assert all(layer.conv.bias is not None for layer in convolutions)
