import pytest
import torch
from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS

from mmseg_labelfree.models.decode_heads import ClusteringHead


def build(**kwargs):
    return MODELS.build(dict(type='ClusteringHead', **kwargs))


def test_official_shape():
    head = build(in_channels=6, num_classes=5)
    shapes = {k: tuple(v.shape) for k, v in head.state_dict().items()}
    assert shapes == {
        'conv_seg.weight': (5, 6, 1, 1),
        'conv_seg.bias': (5,),
        'convs.0.weight': (6, 6, 3, 3),
        'convs.0.bias': (6,),
        'convs.2.weight': (6, 6, 1, 1),
        'convs.2.bias': (6,),
    }
    x = torch.randn(2, 6, 4, 5)
    functional = torch.nn.functional
    hidden = functional.conv2d(
        x, head.convs[0].weight, head.convs[0].bias, padding=1
    ).relu()
    hidden = functional.conv2d(hidden, head.convs[2].weight, head.convs[2].bias).relu()
    expected = functional.conv2d(hidden, head.conv_seg.weight, head.conv_seg.bias)
    torch.testing.assert_close(head([x]), expected)


def test_linear_head_is_an_fcn_head_without_convolutions():
    head = build(in_channels=6, num_classes=5, kernel_sizes=(), channels=9)
    assert isinstance(head, ClusteringHead) and len(head.convs) == 0
    stock = FCNHead(
        in_channels=6,
        channels=6,
        num_convs=0,
        concat_input=False,
        num_classes=5,
        dropout_ratio=0.0,
    )
    stock.load_state_dict(head.state_dict())
    x = torch.randn(2, 6, 4, 5)
    torch.testing.assert_close(stock([x]), head([x]))


def test_initial_clusters_differ():
    head = build(in_channels=64, num_classes=5)
    head.init_weights()
    p = head([torch.randn(1, 64, 8, 8)]).softmax(1)
    assert p.std(1).mean() > 0.01


def test_bad_settings():
    with pytest.raises(ValueError, match='num_classes=1: give 2 clusters or more'):
        build(in_channels=6, num_classes=1)
    with pytest.raises(ValueError, match='must be odd, not .3, 2.'):
        build(in_channels=6, num_classes=3, kernel_sizes=(3, 2))
