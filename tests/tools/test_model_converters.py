"""Converted weights give the features of the source, and nothing else is accepted."""

import importlib
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from mmseg.models.backbones import MobileNetV2
from torchvision.models import mobilenet_v2, resnet18

from mmseg_labelfree.models.backbones import EfficientNetLite

FOLDER = Path(__file__).resolve().parents[2] / 'tools' / 'model_converters'
# Kernel, stride, expansion and width of every block of EfficientNet-Lite0.
LITE0_BLOCKS = [
    (3, 1, 1, 16),
    (3, 2, 6, 24),
    (3, 1, 6, 24),
    (5, 2, 6, 40),
    (5, 1, 6, 40),
    (3, 2, 6, 80),
    (3, 1, 6, 80),
    (3, 1, 6, 80),
    (5, 1, 6, 112),
    (5, 1, 6, 112),
    (5, 1, 6, 112),
    (5, 2, 6, 192),
    (5, 1, 6, 192),
    (5, 1, 6, 192),
    (5, 1, 6, 192),
    (3, 1, 6, 320),
]
LITE0_STAGE_ENDS = [0, 2, 4, 7, 10, 14, 15]
# Index in torchvision's `features` of the last block of each of mmseg's layers.
MOBILENET_STAGE_ENDS = [1, 3, 6, 10, 13, 16, 17]


@pytest.fixture(scope='module')
def tools():
    sys.path.insert(0, str(FOLDER))
    names = 'mobilenet_v2_to_mmseg', 'efficientnet_lite_to_mmseg'
    yield [importlib.import_module(name) for name in names]
    sys.path.remove(str(FOLDER))


def add_norm(weights, name, channels, generator):
    for tensor, low, high in (
        ('weight', 0.8, 1.2),
        ('bias', -0.3, 0.6),
        ('running_mean', -0.2, 0.2),
        ('running_var', 0.5, 1.5),
    ):
        value = torch.empty(channels).uniform_(low, high, generator=generator)
        weights[f'{name}.{tensor}'] = value
    weights[f'{name}.num_batches_tracked'] = torch.tensor(7)


def add_conv(weights, name, shape, generator):
    scale = math.sqrt(2 / (shape[1] * shape[2] * shape[3]))
    weights[f'{name}.weight'] = torch.randn(shape, generator=generator) * scale


@pytest.fixture(scope='module')
def lite0():
    """Random weights under the names of the package efficientnet_lite_pytorch."""
    g = torch.Generator().manual_seed(0)
    weights = {}
    add_conv(weights, '_conv_stem', (32, 3, 3, 3), g)
    add_norm(weights, '_bn0', 32, g)
    width = 32
    for i, (kernel, _, expand, out) in enumerate(LITE0_BLOCKS):
        block, hidden = f'_blocks.{i}.', width * expand
        if expand != 1:
            add_conv(weights, block + '_expand_conv', (hidden, width, 1, 1), g)
            add_norm(weights, block + '_bn0', hidden, g)
        add_conv(weights, block + '_depthwise_conv', (hidden, 1, kernel, kernel), g)
        add_norm(weights, block + '_bn1', hidden, g)
        add_conv(weights, block + '_project_conv', (out, hidden, 1, 1), g)
        add_norm(weights, block + '_bn2', out, g)
        width = out
    add_conv(weights, '_conv_head', (1280, 320, 1, 1), g)
    add_norm(weights, '_bn1', 1280, g)
    weights['_fc.weight'] = torch.zeros(10, 1280)
    weights['_fc.bias'] = torch.zeros(10)
    return weights


def reference_lite0(weights, x):
    """Features of the seven stages, straight from the source's tensors."""

    def conv(x, name, stride=1, groups=1):
        kernel = weights[f'{name}.weight'].shape[-1]
        pads = []
        for size in (x.shape[3], x.shape[2]):
            total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
            pads += [total // 2, total - total // 2]
        x = F.pad(x, pads)
        return F.conv2d(x, weights[f'{name}.weight'], stride=stride, groups=groups)

    def norm(x, name):
        mean, var, weight, bias = (
            weights[f'{name}.{k}'].view(-1, 1, 1)
            for k in ('running_mean', 'running_var', 'weight', 'bias')
        )
        return (x - mean) / (var + 1e-3).sqrt() * weight + bias

    x = norm(conv(x, '_conv_stem', 2), '_bn0').clamp(0, 6)
    features = []
    for i, (_, stride, expand, out) in enumerate(LITE0_BLOCKS):
        block, y = f'_blocks.{i}.', x
        if expand != 1:
            y = norm(conv(y, block + '_expand_conv'), block + '_bn0').clamp(0, 6)
        y = conv(y, block + '_depthwise_conv', stride, y.shape[1])
        y = norm(y, block + '_bn1').clamp(0, 6)
        y = norm(conv(y, block + '_project_conv'), block + '_bn2')
        x = x + y if stride == 1 and x.shape[1] == out else y
        features.append(x)
    return [features[i] for i in LITE0_STAGE_ENDS]


@pytest.fixture(scope='module')
def mobilenet():
    """MobileNetV2 of torchvision with random weights and statistics, in eval mode."""
    g = torch.Generator().manual_seed(0)
    net = mobilenet_v2(weights=None).eval()
    weights = {}
    for name, value in net.state_dict().items():
        module, tensor = name.rsplit('.', 1)
        if tensor == 'running_var':
            add_norm(weights, module, len(value), g)
        elif value.ndim == 4:
            add_conv(weights, module, tuple(value.shape), g)
    net.load_state_dict(weights, strict=False)
    return net


def load(backbone_type, path, **settings_):
    """Build a backbone that mmengine fills from the converted file."""
    net = backbone_type(
        out_indices=range(7),
        init_cfg=dict(type='Pretrained', checkpoint=str(path)),
        **settings_,
    )
    net.init_weights()
    net.eval()
    return net


WRAPPINGS = {
    'bare': lambda weights: weights,
    'state_dict': lambda weights: dict(state_dict=weights, epoch=3),
    'module': lambda weights: dict(
        state_dict={f'module.{k}': v for k, v in weights.items()}
    ),
}


@pytest.mark.parametrize('wrapping', WRAPPINGS)
def test_mobilenet_features_equal_torchvision(tools, mobilenet, tmp_path, wrapping):
    src, dst = tmp_path / 'source.pth', tmp_path / 'new' / 'mmseg.pth'
    torch.save(WRAPPINGS[wrapping](mobilenet.state_dict()), src)
    tools[0].main([str(src), str(dst)])
    x = torch.randn(2, 3, 64, 75, generator=torch.Generator().manual_seed(3))
    expected, y = [], x
    with torch.no_grad():
        for i, layer in enumerate(mobilenet.features):
            y = layer(y)
            if i in MOBILENET_STAGE_ENDS:
                expected.append(y)
        found = load(MobileNetV2, dst)(x)
    for a, b in zip(found, expected, strict=True):
        assert b.std() > 0.1
        torch.testing.assert_close(a, b, atol=1e-6, rtol=0)


def test_mobilenet_flat_layout_gives_the_same_tensors(tools, mobilenet):
    """Older ports put conv, norm and activation of a block into one flat sequence."""
    nested = mobilenet.state_dict()
    flat = {}
    for name, value in nested.items():
        parts = name.split('.')
        if len(parts) > 3 and parts[2] == 'conv':
            units = 1 if parts[1] == '1' else 2
            if len(parts) == 6:
                place = 3 * int(parts[3]) + int(parts[4])
            else:
                place = 3 * units + int(parts[3]) - units
            name = f'features.{parts[1]}.conv.{place}.{parts[-1]}'
        flat[name] = value
    assert len(flat) == len(nested) and flat.keys() != nested.keys()
    a, b = tools[0].convert(nested)[0], tools[0].convert(flat)[0]
    assert a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize('size', [(64, 96), (45, 71)])
def test_lite0_features_equal_the_source(tools, lite0, tmp_path, size):
    src, dst = tmp_path / 'source.pth', tmp_path / 'mmseg.pth'
    torch.save(lite0, src)
    tools[1].main([str(src), str(dst)])
    x = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        found = load(EfficientNetLite, dst)(x)
    for a, b in zip(found, reference_lite0(lite0, x), strict=True):
        assert b.std() > 0.1
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize('arch', EfficientNetLite.arch_settings)
def test_every_lite_is_recognised_and_keeps_its_tensors(tools, arch):
    """Source tensors that all differ must arrive one by one, in order."""
    target = EfficientNetLite(arch).state_dict()
    names = tools[1].source_names(target)
    source = {
        theirs: torch.full_like(target[ours], i)
        for i, (ours, theirs) in enumerate(names.items())
    }
    assert len(source) == len(target)
    weights, meta = tools[1].convert(source)
    assert meta['arch'] == arch
    assert [int(v.flatten()[0]) for v in weights.values()] == list(range(len(target)))


def test_written_file_is_plain_and_complete(tools, lite0, mobilenet, tmp_path):
    mean = [[123.675, 116.28, 103.53], [127.0] * 3]
    std = [[58.395, 57.12, 57.375], [128.0] * 3]
    architectures = ['MobileNetV2 1.0', 'EfficientNet-Lite (lite0)']
    sources = [mobilenet.state_dict(), lite0]
    nets = [MobileNetV2(), EfficientNetLite()]
    for i, tool in enumerate(tools):
        src, dst = tmp_path / f'imagenet{i}.pth', tmp_path / f'mmseg{i}.pth'
        torch.save(sources[i], src)
        dst.write_text('an older file')
        tool.main([str(src), str(dst)])
        content = torch.load(dst, weights_only=True)
        assert content.keys() == {'state_dict', 'meta'}
        nets[i].load_state_dict(content['state_dict'], strict=True)
        meta = content['meta']
        assert (meta['source'], meta['channel_order']) == (src.name, 'rgb')
        assert (meta['mean'], meta['std']) == (mean[i], std[i])
        assert meta['architecture'] == architectures[i]
    assert len(list(tmp_path.iterdir())) == 4


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_each_wrong_key_is_named(tools, lite0, mobilenet, data):
    which = data.draw(st.sampled_from([0, 1]))
    source = dict([mobilenet.state_dict(), lite0][which])
    unused = ('classifier.', 'features.18.', '_conv_head.', '_bn1.', '_fc.')
    used = [k for k in source if not k.startswith(unused)]
    key = data.draw(st.sampled_from(used))
    fault = data.draw(st.sampled_from(['missing', 'wrong', 'unknown']))
    if fault == 'missing':
        del source[key]
    elif fault == 'wrong':
        source[key] = source[key].new_zeros((3, *source[key].shape))
    else:
        key += '_extra'
        source[key] = torch.zeros(1)
    with pytest.raises(ValueError) as error:
        tools[which].convert(source)
    assert key in str(error.value) and '\n' not in str(error.value)


def test_head_may_be_missing(tools, lite0, mobilenet):
    for tool, source, head in (
        (tools[0], mobilenet.state_dict(), ('classifier.', 'features.18.')),
        (tools[1], lite0, ('_conv_head.', '_bn1.', '_fc.')),
    ):
        body = {k: v for k, v in source.items() if not k.startswith(head)}
        assert len(body) < len(source)
        a, b = tool.convert(source)[0], tool.convert(body)[0]
        assert all(torch.equal(a[k], b[k]) for k in a)


def test_other_architectures_are_refused(tools, lite0, mobilenet, tmp_path):
    wide = mobilenet_v2(weights=None, width_mult=0.5).state_dict()
    with_se = lite0 | {'_blocks.3._se_reduce.weight': torch.zeros(6, 144, 1, 1)}
    shorter = {k: v for k, v in lite0.items() if not k.startswith('_blocks.15.')}
    cases = [
        (0, resnet18(weights=None).state_dict(), 'missing keys: features.0.0.weight'),
        (0, wide, 'features.0.0.weight is (16, 3, 3, 3), not (32, 3, 3, 3)'),
        (0, lite0, 'unknown keys: _conv_stem.weight'),
        (1, mobilenet.state_dict(), 'missing keys: _blocks.0._project_conv.weight'),
        (1, with_se, 'unknown keys: _blocks.3._se_reduce.weight'),
        (1, shorter, '_blocks.14._project_conv.weight makes 15 blocks ending in 192'),
    ]
    for i, (which, source, message) in enumerate(cases):
        src, dst = tmp_path / f'{i}.pth', tmp_path / 'out.pth'
        torch.save(source, src)
        with pytest.raises(SystemExit) as error:
            tools[which].main([str(src), str(dst)])
        text = str(error.value)
        assert message in text and str(src) in text and '\n' not in text
        assert not dst.exists()


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (None, 'no such file'),
        (b'not a weight file', 'cannot be read as a file of tensors'),
        (b'', 'cannot be read as a file of tensors'),
        (torch.zeros(3), 'holds no state dict but a Tensor'),
        (dict(state_dict={}), 'holds no state dict'),
        (dict(features=3), "'features' is a int, expected a tensor"),
        (Path('x'), 'cannot be read as a file of tensors'),
    ],
)
def test_unusable_files_are_refused(tools, tmp_path, content, message):
    src, dst = tmp_path / 'source.pth', tmp_path / 'out.pth'
    if isinstance(content, bytes):
        src.write_bytes(content)
    elif content is not None:
        torch.save(content, src)
    for tool in tools:
        with pytest.raises(SystemExit) as error:
            tool.main([str(src), str(dst)])
        text = str(error.value)
        assert message in text and str(src) in text and '\n' not in text
        assert not dst.exists()


def test_failed_write_leaves_the_old_file(tools, lite0, tmp_path):
    src, dst = tmp_path / 'source.pth', tmp_path / 'folder'
    torch.save(lite0, src)
    dst.mkdir()
    with pytest.raises(SystemExit, match='folder'):
        tools[1].main([str(src), str(dst)])
    assert sorted(p.name for p in tmp_path.iterdir()) == ['folder', 'source.pth']


def test_runs_as_a_script(tmp_path):
    script = FOLDER / 'mobilenet_v2_to_mmseg.py'
    command = [sys.executable, str(script), str(tmp_path / 'absent.pth'), 'out.pth']
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last == f'{script.name}: {tmp_path / "absent.pth"}: no such file'
    assert 'Traceback' not in result.stderr
