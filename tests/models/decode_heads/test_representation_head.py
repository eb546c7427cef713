import pytest
import torch
from mmseg.registry import MODELS
from torch import nn


def make_head(**kwargs):
    settings = dict(type='RepresentationHead', in_channels=12, channels=8)
    return MODELS.build(settings | kwargs)


@pytest.fixture
def features():
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(2, 6, 16, 16, generator=generator),
        torch.randn(2, 10, 8, 8, generator=generator),
    ]


def test_topology():
    head = make_head()
    kinds = [type(m).__name__ for m in head.layers]
    assert kinds == ['ConvModule', 'Dropout2d', 'ConvModule', 'Dropout2d', 'Conv2d']
    shapes = [tuple(m.weight.shape) for m in head.modules() if isinstance(m, nn.Conv2d)]
    assert shapes == [(8, 12, 3, 3), (8, 8, 3, 3), (8, 8, 1, 1)]
    embeddings = head(torch.randn(2, 12, 5, 7))
    assert embeddings.shape == (2, 8, 5, 7)
    assert embeddings.min() < 0
    blocks = make_head(projection=False, dropout_ratio=0)
    assert len(blocks.layers) == 2
    assert blocks(torch.randn(2, 12, 5, 7)).min() == 0


def test_default_channels():
    assert make_head(channels=256)(torch.randn(2, 12, 3, 3)).shape[1] == 256
    head = MODELS.build(dict(type='RepresentationHead', in_channels=4))
    assert head.channels == 256


def test_beside_the_deeplabv3plus_head_on_its_fused_features(features):
    decode_head = MODELS.build(
        dict(
            type='DepthwiseSeparableASPPHead',
            in_channels=10,
            in_index=1,
            c1_in_channels=6,
            c1_channels=4,
            channels=8,
            dilations=(1, 2),
            num_classes=5,
            norm_cfg=dict(type='BN'),
        )
    )
    head = make_head(layer='sep_bottleneck')
    with head.recording(decode_head) as recorded:
        logits = decode_head(features)
    assert len(recorded) == 1
    assert recorded[0].shape == (2, 12, 16, 16)
    embeddings = head(recorded[0])
    assert embeddings.shape[2:] == logits.shape[2:]
    embeddings.sum().backward()
    assert decode_head.bottleneck.conv.weight.grad.abs().sum() > 0
    # The tap is gone afterwards.
    decode_head(features)
    assert len(recorded) == 1


@pytest.mark.parametrize('dropout_ratio', [0, 0.5])
def test_beside_any_head_on_the_input_of_its_classifier(features, dropout_ratio):
    decode_head = MODELS.build(
        dict(
            type='FCNHead',
            in_channels=10,
            in_index=1,
            channels=12,
            num_classes=5,
            num_convs=1,
            concat_input=False,
            dropout_ratio=dropout_ratio,
            norm_cfg=dict(type='BN'),
        )
    )
    head = make_head()
    with head.recording(decode_head) as recorded:
        decode_head(features)
    decode_head.eval()
    assert recorded[0].shape == (2, 12, 8, 8)
    assert head(recorded[0]).shape == (2, 8, 8, 8)


def test_errors(features):
    decode_head = MODELS.build(
        dict(
            type='FCNHead',
            in_channels=10,
            in_index=1,
            channels=12,
            num_classes=5,
            norm_cfg=dict(type='BN'),
        )
    )
    with pytest.raises(ValueError, match="no layer 'sep_bottleneck'.*convs"):
        with make_head(layer='sep_bottleneck').recording(decode_head):
            pass
    with pytest.raises(ValueError, match='FCNHead ran without'):
        with make_head().recording(decode_head):
            pass
    with pytest.raises(ValueError, match='dropout_ratio'):
        make_head(dropout_ratio=1.0)


def test_size_of_the_convolutions():
    head = make_head(kernel_size=1)
    shapes = [tuple(m.weight.shape) for m in head.modules() if isinstance(m, nn.Conv2d)]
    assert shapes == [(8, 12, 1, 1), (8, 8, 1, 1), (8, 8, 1, 1)]
    assert head(torch.randn(2, 12, 5, 7)).shape == (2, 8, 5, 7)


def test_a_layer_inside_a_layer():
    """For instance the last level of a head that projects each by itself."""
    decode_head = nn.Sequential(
        nn.Sequential(nn.ReLU(), nn.Conv2d(4, 12, 1)), nn.ReLU()
    )
    head = make_head(in_channels=4, layer='0.1')
    with head.recording(decode_head) as recorded:
        decode_head(torch.randn(1, 4, 3, 3))
    assert recorded[0].shape == (1, 4, 3, 3)
    with pytest.raises(ValueError, match=r"has no layer '0\.2', only 0, 1 and those"):
        make_head(layer='0.2').recording(decode_head).__enter__()
