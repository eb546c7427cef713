"""Converted weights give the features of the source, and nothing else is accepted."""

import importlib
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmseg.models.backbones import MobileNetV2
from torchvision.models import mobilenet_v2, resnet18

FOLDER = Path(__file__).resolve().parents[2] / 'tools' / 'model_converters'
# Index in torchvision's `features` of the last block of each of mmseg's layers.
MOBILENET_STAGE_ENDS = [1, 3, 6, 10, 13, 16, 17]
UNUSED = ('classifier.', 'features.18.')


@pytest.fixture(scope='module')
def tool():
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module('mobilenet_v2_to_mmseg')
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
def test_mobilenet_features_equal_torchvision(tool, mobilenet, tmp_path, wrapping):
    src, dst = tmp_path / 'source.pth', tmp_path / 'new' / 'mmseg.pth'
    torch.save(WRAPPINGS[wrapping](mobilenet.state_dict()), src)
    tool.main([str(src), str(dst)])
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


def test_mobilenet_flat_layout_gives_the_same_tensors(tool, mobilenet):
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
    a, b = tool.convert(nested)[0], tool.convert(flat)[0]
    assert a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_written_file_is_plain_and_complete(tool, mobilenet, tmp_path):
    src, dst = tmp_path / 'imagenet.pth', tmp_path / 'mmseg.pth'
    torch.save(mobilenet.state_dict(), src)
    dst.write_text('an older file')
    tool.main([str(src), str(dst)])
    content = torch.load(dst, weights_only=True)
    assert content.keys() == {'state_dict', 'meta'}
    MobileNetV2().load_state_dict(content['state_dict'], strict=True)
    assert content['meta'] == dict(
        source=src.name,
        architecture='MobileNetV2 1.0',
        channel_order='rgb',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
    )
    assert len(list(tmp_path.iterdir())) == 2


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_each_wrong_key_is_named(tool, mobilenet, data):
    source = mobilenet.state_dict()
    used = [k for k in source if not k.startswith(UNUSED)]
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
        tool.convert(source)
    assert key in str(error.value) and '\n' not in str(error.value)


def test_head_may_be_missing(tool, mobilenet):
    source = mobilenet.state_dict()
    body = {k: v for k, v in source.items() if not k.startswith(UNUSED)}
    assert len(body) < len(source)
    a, b = tool.convert(source)[0], tool.convert(body)[0]
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_other_architectures_are_refused(tool, tmp_path):
    wide = mobilenet_v2(weights=None, width_mult=0.5).state_dict()
    cases = [
        (resnet18(weights=None).state_dict(), 'missing keys: features.0.0.weight'),
        (wide, 'features.0.0.weight is (16, 3, 3, 3), not (32, 3, 3, 3)'),
    ]
    for i, (source, message) in enumerate(cases):
        src, dst = tmp_path / f'{i}.pth', tmp_path / 'out.pth'
        torch.save(source, src)
        with pytest.raises(SystemExit) as error:
            tool.main([str(src), str(dst)])
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
def test_unusable_files_are_refused(tool, tmp_path, content, message):
    src, dst = tmp_path / 'source.pth', tmp_path / 'out.pth'
    if isinstance(content, bytes):
        src.write_bytes(content)
    elif content is not None:
        torch.save(content, src)
    with pytest.raises(SystemExit) as error:
        tool.main([str(src), str(dst)])
    text = str(error.value)
    assert message in text and str(src) in text and '\n' not in text
    assert not dst.exists()


def test_failed_write_leaves_the_old_file(tool, mobilenet, tmp_path):
    src, dst = tmp_path / 'source.pth', tmp_path / 'folder'
    torch.save(mobilenet.state_dict(), src)
    dst.mkdir()
    with pytest.raises(SystemExit, match='folder'):
        tool.main([str(src), str(dst)])
    assert sorted(p.name for p in tmp_path.iterdir()) == ['folder', 'source.pth']


@pytest.mark.slow
def test_runs_as_a_script(tmp_path):
    script = FOLDER / 'mobilenet_v2_to_mmseg.py'
    command = [sys.executable, str(script), str(tmp_path / 'absent.pth'), 'out.pth']
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last == f'{script.name}: {tmp_path / "absent.pth"}: no such file'
    assert 'Traceback' not in result.stderr
