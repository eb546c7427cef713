"""The ImageNet weights of MiB's authors: what they compute survives the conversion."""

import importlib
import math
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

ROOT = Path(__file__).parents[2]
VOC = ROOT / 'configs/_base_/mib_voc.py'
BLOCKS, STEM = (3, 4, 23, 3), 'mod1.bn1.weight'


@pytest.fixture(scope='module')
def tool():
    folder = str(ROOT / 'tools/model_converters')
    sys.path.insert(0, folder)
    yield importlib.import_module('mib_to_mmseg')
    sys.path.remove(folder)


def layers():
    """Convolutions of the authors' network, with shape, and the norm behind each."""
    yield 'mod1.conv1', (64, 3, 7, 7), 'mod1.bn1'
    before = 64
    for stage, blocks in enumerate(BLOCKS):
        width = 64 * 2**stage
        for block in range(blocks):
            place = f'mod{stage + 2}.block{block + 1}'
            shapes = ((width, before, 1, 1), (width, width, 3, 3))
            shapes += ((4 * width, width, 1, 1),)
            for i, shape in enumerate(shapes, 1):
                yield f'{place}.convs.conv{i}', shape, f'{place}.convs.bn{i}'
            if not block:
                shape = (4 * width, before, 1, 1)
                yield f'{place}.proj_conv', shape, f'{place}.proj_bn'
            before = 4 * width


def make(draw):
    """A file of the authors, of numbers that are drawn by shape."""
    state = {}
    for conv, shape, norm in layers():
        state[f'{conv}.weight'] = draw(*shape)
        for name in ('weight', 'bias', 'running_mean'):
            state[f'{norm}.{name}'] = draw(shape[0])
        state[f'{norm}.running_var'] = draw(shape[0])
    return state | {'classifier.fc.weight': draw(1000, 2048)}


def zeros(*shape):
    return torch.zeros(()).expand(shape)


def literal(state, x):
    """In-place ABN's ResNet-101 with output stride 16, function by function."""

    def unit(x, conv, norm, active=True, **where):
        x = F.conv2d(x, state[f'{conv}.weight'], **where)
        scale = state[f'{norm}.weight'].abs() + 1e-5
        mean, var = (state[f'{norm}.running_{k}'] for k in ('mean', 'var'))
        x = F.batch_norm(x, mean, var, scale, state[f'{norm}.bias'])
        return F.leaky_relu(x, 0.01) if active else x

    x = unit(x, 'mod1.conv1', 'mod1.bn1', stride=2, padding=3)
    x = F.max_pool2d(x, 3, 2, 1)
    for stage, blocks in enumerate(BLOCKS):
        for block in range(blocks):
            place = f'mod{stage + 2}.block{block + 1}'
            inner = f'{place}.convs'
            names = [(f'{inner}.conv{i}', f'{inner}.bn{i}') for i in (1, 2, 3)]
            stride = 2 if stage in (1, 2) and not block else 1
            rate = 2 if stage == 3 else 1
            y = unit(x, *names[0])
            y = unit(y, *names[1], stride=stride, padding=rate, dilation=rate)
            y = unit(y, *names[2], active=False)
            if not block:
                shortcut = f'{place}.proj_conv', f'{place}.proj_bn'
                x = unit(x, *shortcut, active=False, stride=stride)
            x = F.leaky_relu(x + y, 0.01)
    return x


def backbone():
    init_default_scope('mmseg')
    cfg = Config.fromfile(VOC).model.backbone
    network = revert_sync_batchnorm(MODELS.build(cfg))
    network.eval()
    return network


@pytest.mark.slow
def test_computes_the_same(tool):
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        fan_in = max(1, math.prod(shape[1:]))
        return torch.randn(shape, generator=generator) * (2 / fan_in) ** 0.5

    state = {
        k: v.abs() + 0.5 if k.endswith('var') else v for k, v in make(draw).items()
    }
    assert (state[STEM] < 0).any()
    weights, meta = tool.convert(state)
    network = backbone()
    network.load_state_dict(weights)
    images = torch.randn(1, 3, 65, 97, generator=generator).double()
    with torch.no_grad():
        expected = literal({k: v.double() for k, v in state.items()}, images)
        (found,) = network.double()(images)
    assert (found - expected).abs().max() < 1e-4 * expected.std()
    assert meta['channel_order'] == 'rgb'


def test_a_file_of_the_authors(tool, tmp_path, capsys):
    src, dst = tmp_path / 'resnet101_iabn_sync.pth.tar', tmp_path / 'ours.pth'
    state = make(zeros)
    state[STEM] = torch.linspace(-1, 1, 64)
    torch.save(
        dict(epoch=90, state_dict={f'module.{k}': v for k, v in state.items()}), src
    )
    tool.main([str(src), str(dst)])
    ours = torch.load(dst, weights_only=True)['state_dict']
    assert ours.keys() == backbone().state_dict().keys()
    torch.testing.assert_close(ours['bn1.weight'], state[STEM].abs() + 1e-5)
    assert "tensors of MiB's ResNet-101" in capsys.readouterr().out


FAULTS = {
    'mod4.block23.convs.conv2.weight': 'missing',
    'mod1.conv1.weight': 'shape',
    'mod2.block1.convs.bn4.weight': 'unknown',
    'layer1.0.conv1.weight': 'other',
}


@pytest.mark.parametrize('key', FAULTS)
def test_other_networks_are_refused(tool, tmp_path, key):
    state = make(zeros)
    if FAULTS[key] == 'missing':
        del state[key]
    elif FAULTS[key] == 'other':
        state = {key: torch.zeros(2)}
    else:
        state[key] = torch.zeros(2)
    src, dst = tmp_path / 'resnet.pth', tmp_path / 'ours.pth'
    torch.save(state, src)
    with pytest.raises(SystemExit) as error:
        tool.main([str(src), str(dst)])
    text = str(error.value)
    assert (key in text or FAULTS[key] == 'other') and str(src) in text
    assert "not the weights of MiB's ResNet-101" in text and '\n' not in text
    assert not dst.exists()
