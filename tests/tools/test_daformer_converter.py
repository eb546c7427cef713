"""A checkpoint of DAFormer's authors becomes a segmentor of our configs."""

import importlib
import re
import sys
from pathlib import Path

import pytest
import torch
from mmseg.registry import MODELS

FOLDER = Path(__file__).parents[2] / 'tools/model_converters'
MODEL = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='OriginalMixVisionTransformer',
        embed_dims=8,
        num_layers=[1, 1, 2, 1],
        num_heads=[1, 2, 5, 8],
    ),
    decode_head=dict(
        type='DAFormerHead',
        in_channels=[8, 16, 40, 64],
        in_index=[0, 1, 2, 3],
        channels=6,
        embed_dims=5,
        num_classes=19,
        norm_cfg=dict(type='BN'),
    ),
)


@pytest.fixture(scope='module')
def tool():
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module('daformer_to_mmseg')
    sys.path.remove(str(FOLDER))


@pytest.fixture
def segmentor():
    torch.manual_seed(0)
    model = MODELS.build(MODEL)
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.uniform_(0.1, 0.9)
    return model.eval()


@pytest.fixture
def checkpoint(segmentor):
    """The segmentor under the authors' names, beside their two other networks."""
    converter = importlib.import_module('mit_to_mmseg')
    state = {}
    backbone = segmentor.backbone.state_dict()
    for ours, name in converter.source_names(backbone).items():
        value = backbone[ours]
        if '.attn.qkv.' in name:
            rows = len(value) // 3
            state[f'backbone.{name.replace("qkv", "q")}'] = value[:rows]
            state[f'backbone.{name.replace("qkv", "kv")}'] = value[rows:]
        elif re.search(r'fc\d\.weight', name):
            state[f'backbone.{name}'] = value[:, :, 0, 0]
        else:
            state[f'backbone.{name}'] = value
    for name, value in segmentor.decode_head.state_dict().items():
        if name.startswith('embed_layers'):
            name = re.sub(r'(embed_layers\.\d)', r'\1.proj', name)
            value = value[:, :, 0, 0] if value.dim() == 4 else value
        state[f'decode_head.{name}'] = value
    content = {f'model.{name}': value for name, value in state.items()}
    content |= {f'ema_model.{name}': value + 1 for name, value in state.items()}
    content['imnet_model.backbone.norm1.weight'] = torch.zeros(8)
    return content


def test_the_student_is_converted(tool, segmentor, checkpoint, tmp_path):
    src, dst = tmp_path / 'latest.pth', tmp_path / 'daformer.pth'
    torch.save(dict(state_dict=checkpoint, meta=dict(iter=40000)), src)
    tool.main([str(src), str(dst)])
    model = MODELS.build(MODEL).eval()
    model.load_state_dict(torch.load(dst)['state_dict'])
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found, expected = (m(images, mode='tensor') for m in (model, segmentor))
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    'key',
    [
        'decode_head.embed_layers.2.proj.weight',
        'decode_head.fuse_layer.bottleneck.bn.weight',
        'backbone.block3.1.mlp.fc1.weight',
        '',
    ],
)
def test_other_checkpoints_are_refused(tool, checkpoint, tmp_path, key):
    if key:
        del checkpoint[f'model.{key}']
    else:
        checkpoint, key = {'backbone.conv1.weight': torch.zeros(2)}, 'backbone.conv1'
    src, dst = tmp_path / 'latest.pth', tmp_path / 'daformer.pth'
    torch.save(dict(state_dict=checkpoint), src)
    with pytest.raises(SystemExit) as error:
        tool.main([str(src), str(dst)])
    text = str(error.value)
    assert key.removeprefix('backbone.').removeprefix('decode_head.') in text
    assert 'not the weights of' in text and '\n' not in text and not dst.exists()
