"""DAFormer's head, and with it MiT-B5, compute what the authors' code computes.

The numbers are those of github.com/lhoyer/DAFormer e6f6e04 (``daformer_sepaspp_mitb5``,
19 classes), float64, with weights by formula under the authors' names.
"""

import copy
import importlib
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import nn

TOOLS = Path(__file__).parents[3] / 'tools/model_converters'
SHAPES = [(2, 64, 25, 33), (2, 128, 13, 17), (2, 320, 7, 9), (2, 512, 4, 5)]
# Mean, deviation, sum of absolute values, the first four and the last value.
OUTPUTS = {
    'stage1': (-0.00111079077135, 1.00265233457, 84822.2265583),
    'stage2': (0.00462152982404, 1.00860922504, 44933.5577352),
    'stage3': (-0.00552552281494, 1.00162308006, 31790.0103963),
    'stage4': (0.00146069385248, 0.998281747437, 16328.6030167),
    'fused': (0.288158889878, 0.316400632388, 121718.315084),
    'logits': (0.0860091783801, 0.446421509457, 11467.0880011),
}
FIRST = {
    'stage1': (0.957376303445, 1.6344781798, 0.737548846856, -1.68476325834),
    'stage2': (0.724107680796, 0.72485078426, 0.860162650059, -0.313372888735),
    'stage3': (0.167459186008, -0.570999073194, -0.291912301475, -0.453948217349),
    'stage4': (1.02112374296, 0.787440142044, 1.01593351465, 1.35254714246),
    'fused': (0.188477323228, 0.0, 0.209451921504, 0.278079675553),
    'logits': (0.263026652511, 0.305535084038, 0.434911686618, 0.562982564501),
}
LAST = {
    'stage1': -0.0614245236236,
    'stage2': -0.51354542003,
    'stage3': 0.472047377,
    'stage4': 0.215323969294,
    'fused': 0.0,
    'logits': 0.227229466165,
}
TRAINED = {
    'logits': (-0.0130649052366, 0.685476488401),
    'first': (0.131349037754, 0.778000945374, 0.988728626459, 1.18174455705),
    'fuse_layer.bottleneck.bn.running_mean': (
        (0.0934897291162, 0.0673533919911, 0.0782676379092, 0.0949300736944)
    ),
    'fuse_layer.aspp_modules.1.depthwise_conv.bn.running_mean': (
        (-0.0892222782264, 0.0338029216705, -0.0984984234135, 0.00560828388236)
    ),
}


def build_head(in_channels=(64, 128, 320, 512), **kwargs):
    cfg = dict(
        type='DAFormerHead',
        in_channels=list(in_channels),
        in_index=[0, 1, 2, 3],
        num_classes=19,
        norm_cfg=dict(type='BN'),
    )
    return MODELS.build(cfg | kwargs)


@pytest.fixture(scope='module')
def network(formula_weight):
    """MiT-B5 and head with the authors' weights; float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield build_network(formula_weight)
    torch.set_default_dtype(before)


def build_network(formula_weight):
    backbone = MODELS.build(
        dict(
            type='OriginalMixVisionTransformer',
            num_layers=[3, 6, 40, 3],
            num_heads=[1, 2, 5, 8],
        )
    )
    sys.path.insert(0, str(TOOLS))
    tool = importlib.import_module('mit_to_mmseg')
    source = {}
    state = backbone.state_dict()
    for ours, name in tool.source_names(state).items():
        shape = list(state[ours].shape)
        if '.attn.qkv.' in name:
            width = shape[0] // 3
            for part, rows in (('q', width), ('kv', 2 * width)):
                source[name.replace('qkv', part)] = [rows, *shape[1:]]
        else:
            linear = name.endswith(('fc1.weight', 'fc2.weight'))
            source[name] = shape[:2] if linear else shape
    source = {k: formula_weight(f'backbone.{k}', v) for k, v in source.items()}
    weights, meta = tool.convert(source)
    sys.path.remove(str(TOOLS))
    assert meta['settings'] == dict(
        embed_dims=64,
        num_layers=[3, 6, 40, 3],
        num_heads=[1, 2, 5, 8],
        patch_sizes=[7, 3, 3, 3],
        sr_ratios=[8, 4, 2, 1],
        mlp_ratio=4,
    )
    backbone.load_state_dict(weights)
    head = build_head(dropout_ratio=0.0)
    filled = 0
    for name, value in head.state_dict().items():
        filled += 1
        if value.is_floating_point():
            theirs, shape = name, value.shape
            if name.startswith('embed_layers'):
                layer, _, tensor = name.rpartition('.')
                theirs, shape = f'{layer}.proj.{tensor}', value.shape[:2]
            values = formula_weight(f'decode_head.{theirs}', shape)
            value.copy_(values.view_as(value))
    assert len(source) + filled == 1110  # tensors of their state dict
    return backbone, head


def outputs_of(network, images):
    backbone, head = network
    maps = backbone(images)
    fused = head.fuse_layer(head.embed(maps))
    found = {f'stage{i}': x for i, x in enumerate(maps, 1)}
    return found | dict(fused=fused, logits=head.cls_seg(fused))


@pytest.mark.slow
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32])
def test_the_authors_numbers(network, wave, dtype):
    parts = [copy.deepcopy(part).to(dtype).eval() for part in network]
    images = wave(2, 3, 97, 129, phase=0.1, scale=1.0).to(dtype)
    with torch.no_grad():
        found = outputs_of(parts, images)
    assert [tuple(found[f'stage{i}'].shape) for i in range(1, 5)] == SHAPES
    assert found['logits'].shape == (2, 19, 25, 33)
    for name, (mean, deviation, total) in OUTPUTS.items():
        tolerance = (1e-9 if dtype == torch.float64 else 1e-4) * deviation
        x = found[name].double()

        def close(value, expected, name=name, tolerance=tolerance):
            assert abs(value - expected) < tolerance, name

        close(x.mean().item(), mean)
        close(x.std(correction=0).item(), deviation)
        close(x.abs().mean().item(), total / x.numel())
        for value, expected in zip(x.flatten()[:4].tolist(), FIRST[name], strict=True):
            close(value, expected)
        close(x[-1, -1, -1, -1].item(), LAST[name])


@pytest.mark.slow
def test_the_authors_numbers_in_training(network, wave):
    """Last of the tests with this network, whose statistics it changes."""
    for part in network:
        part.train()
    with torch.no_grad():
        logits = outputs_of(network, wave(2, 3, 97, 129, phase=0.1, scale=1.0))
    logits = logits['logits']
    statistics = dict(network[1].named_buffers())
    mean, deviation = TRAINED['logits']
    tolerance = 1e-7 * deviation
    assert abs(logits.mean().item() - mean) < tolerance
    assert abs(logits.std(correction=0).item() - deviation) < tolerance
    assert logits.flatten()[:4].tolist() == pytest.approx(
        TRAINED['first'], abs=tolerance
    )
    for name in [n for n in TRAINED if n.endswith('running_mean')]:
        assert statistics[name][:4].tolist() == pytest.approx(TRAINED[name], abs=1e-7)


@pytest.fixture
def maps():
    generator = torch.Generator().manual_seed(0)
    sizes = ((4, 13, 9), (5, 7, 5), (6, 4, 3), (7, 2, 2))
    return [torch.randn(2, *size, generator=generator) for size in sizes]


@pytest.mark.parametrize('fusion', ['sep_aspp', 'aspp', 'conv'])
def test_layers_by_hand(maps, fusion):
    """The equations of section 3.2, with one layer after the other."""
    torch.manual_seed(0)
    head = build_head([4, 5, 6, 7], channels=6, embed_dims=3, fusion=fusion).eval()
    embedded = []
    for layer, x in zip(head.embed_layers, maps, strict=True):
        y = torch.einsum('nchw,dc->ndhw', x, layer.weight[:, :, 0, 0])
        y = y + layer.bias[:, None, None]
        embedded.append(F.interpolate(y, (13, 9), mode='bilinear'))
    x = torch.cat(embedded, 1)

    def conv(module, x):
        c = module.conv
        assert c.bias is None
        y = F.conv2d(x, c.weight, None, 1, c.padding, c.dilation, c.groups)
        return F.relu(y / (1 + module.bn.eps) ** 0.5)

    if fusion == 'conv':
        fused = conv(head.fuse_layer, x)
    else:
        branches = []
        for rate, branch in zip(
            (1, 6, 12, 18), head.fuse_layer.aspp_modules, strict=True
        ):
            separable = fusion == 'sep_aspp' and rate > 1
            parts = (
                [branch.depthwise_conv, branch.pointwise_conv]
                if separable
                else [branch]
            )
            assert parts[0].conv.dilation == (rate, rate)
            assert parts[0].conv.kernel_size == ((1, 1) if rate == 1 else (3, 3))
            assert parts[0].conv.groups == (12 if separable else 1)
            y = x
            for part in parts:
                y = conv(part, y)
            branches.append(y)
        fused = conv(head.fuse_layer.bottleneck, torch.cat(branches, 1))
    assert fused.shape[1] == 6
    torch.testing.assert_close(head(maps), head.conv_seg(fused), rtol=1e-4, atol=1e-6)


def test_order_of_concatenation(maps):
    torch.manual_seed(0)
    head = build_head([4, 5, 6, 7], channels=6, embed_dims=3, fusion='conv').eval()
    other = build_head(
        [4, 5, 6, 7], channels=6, embed_dims=3, fusion='conv', deepest_first=True
    ).eval()
    other.load_state_dict(head.state_dict())
    weight = other.fuse_layer.conv.weight.data
    weight.copy_(weight.view(6, 4, 3, 1, 1).flip(1).reshape_as(weight))
    torch.testing.assert_close(head(maps), other(maps))


def test_embeddings_read_the_concatenated_levels(maps):
    """The place of SePiCo's projection head."""
    head = build_head([4, 5, 6, 7], channels=6, embed_dims=3)
    reader = MODELS.build(
        dict(type='RepresentationHead', in_channels=12, channels=5, layer='fuse_layer')
    )
    with reader.recording(head) as recorded:
        head(maps)
    assert torch.equal(recorded[0], head.embed(maps))
    assert reader(recorded[0]).shape == (2, 5, 13, 9)


def test_weights_of_a_start():
    head = build_head([4, 5, 6, 7], channels=64)
    head.init_weights()
    assert head.conv_seg.weight.std().item() == pytest.approx(0.01, rel=0.1)
    assert isinstance(head.dropout, nn.Dropout2d)
    with pytest.raises(ValueError, match="fusion='isa' is unknown"):
        build_head(fusion='isa')
