"""A checkpoint of AFA's authors becomes a segmentor of our configs.

``tests/models/segmentors/test_image_level_numbers.py`` has the authors' numbers.
"""

import importlib
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

ROOT = Path(__file__).parents[2]
WIDTHS = (8, 16, 40, 64)
WEIGHT_BIAS = 'weight', 'bias'
STATISTICS = 'running_mean', 'running_var', 'num_batches_tracked'


@pytest.fixture(scope='module')
def tool():
    folder = str(ROOT / 'tools/model_converters')
    sys.path.insert(0, folder)
    yield importlib.import_module('afa_to_mmseg')
    sys.path.remove(folder)


@pytest.fixture(scope='module')
def segmentor():
    """The network of the config with an eighth of the channels."""
    init_default_scope('mmseg')
    cfg = Config.fromfile(ROOT / 'configs/afa/mit-b1_voc.py').model
    cfg.backbone.update(embed_dims=8, init_cfg=None)
    cfg.decode_head.update(in_channels=list(WIDTHS), channels=6, embed_dims=6)
    cfg.image_head.in_channels = WIDTHS[-1]
    torch.manual_seed(0)
    model = revert_sync_batchnorm(MODELS.build(cfg))
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.uniform_(0.1, 0.9)
    return model.eval()


@pytest.fixture
def weights(tool, segmentor):
    """The segmentor under the authors' names."""
    encoder = importlib.import_module('mit_to_mmseg')
    state = {}
    backbone = segmentor.backbone.state_dict()
    for ours, name in encoder.source_names(backbone).items():
        name, value = f'encoder.{name}', backbone[ours]
        if '.attn.qkv.' in name:
            rows = len(value) // 3
            state[name.replace('qkv', 'q')] = value[:rows]
            state[name.replace('qkv', 'kv')] = value[rows:]
        else:
            linear = name.endswith(('fc1.weight', 'fc2.weight'))
            state[name] = value[:, :, 0, 0] if linear else value
    for ours, value in segmentor.state_dict().items():
        if not ours.startswith('backbone.'):
            linear = 'embed_layers' in ours and value.dim() == 4
            state[tool.source_name(ours)] = value[:, :, 0, 0] if linear else value
    return state


def test_the_network_survives(tool, segmentor, weights, tmp_path):
    src, dst = tmp_path / 'iter_18000.pth', tmp_path / 'afa.pth'
    torch.save({f'module.{name}': value for name, value in weights.items()}, src)
    tool.main([str(src), str(dst)])
    found = torch.load(dst, weights_only=True)['state_dict']
    expected = segmentor.state_dict()
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def test_names_are_the_authors(tool, weights):
    """As rulixiang/afa adcfa29 has them, outside of the blocks of the encoder."""
    assert {name for name in weights if not name.startswith('encoder.')} == {
        *(f'decoder.linear_c{i}.proj.{k}' for i in (1, 2, 3, 4) for k in WEIGHT_BIAS),
        *(f'decoder.linear_pred.{k}' for k in WEIGHT_BIAS),
        *(f'decoder.linear_fuse.bn.{k}' for k in (*WEIGHT_BIAS, *STATISTICS)),
        *(f'attn_proj.{k}' for k in WEIGHT_BIAS),
        'decoder.linear_fuse.conv.weight',
        'classifier.weight',
    }


FAULTS = {
    'decoder.linear_c2.proj.weight': 'missing',
    'encoder.block3.1.mlp.fc1.weight': 'missing',
    'classifier.weight': 'wrong',
    'decoder.linear_c5.proj.weight': 'unknown',
    'backbone.conv1.weight': 'other',
}


@pytest.mark.parametrize('key', FAULTS)
def test_other_checkpoints_are_refused(tool, weights, tmp_path, key):
    if FAULTS[key] == 'missing':
        del weights[key]
    elif FAULTS[key] == 'other':
        weights = {key: torch.zeros(2)}
    else:
        weights[key] = torch.zeros(2)
    src, dst = tmp_path / 'iter.pth', tmp_path / 'afa.pth'
    torch.save(weights, src)
    with pytest.raises(SystemExit) as error:
        tool.main([str(src), str(dst)])
    text = str(error.value)
    assert key.removeprefix('encoder.') in text and str(src) in text
    assert 'not the weights of' in text and '\n' not in text and not dst.exists()
