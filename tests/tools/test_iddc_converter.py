"""IDDC's network with the authors' names computes what the authors' code computes.

The numbers are those of github.com/MY-LIU100101/IDDC f3f6939, in float64, with weights
by formula under the authors' names.
"""

import importlib
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / 'tools/model_converters'
PARTS = ('backbone', 'head_nonlinear', 'classifier')


@pytest.fixture(scope='module')
def tool():
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module('iddc_to_mmseg')
    sys.path.remove(str(FOLDER))


def authors_file(numbers, formula_weight):
    """Their three dictionaries, and the probe, which their files lack."""
    state = {k: formula_weight(k, v) for k, v in numbers.names}
    assert len(state) == 158
    content = {
        key: {
            name.removeprefix(f'main.{key}.'): value
            for name, value in state.items()
            if name.startswith(f'main.{key}.')
        }
        for key in PARTS
    }
    probe = {
        f'auxiliary_head.conv_seg.{k}': state[f'linear.linear_head.{k}']
        for k in ('weight', 'bias')
    }
    assert sum(map(len, content.values())) + len(probe) == len(state)
    return content, probe


def build(name, dtype=torch.float64):
    cfg = Config.fromfile(ROOT / f'configs/iddc/{name}_cocostuff27.py')
    cfg.model.backbone.init_cfg = None
    return MODELS.build(cfg.model).to(dtype).eval()


def outputs_of(model, images):
    """Features, codes and logits by the way of a training step."""
    features = model.extract_feat(images)
    found = dict(
        features=features[-1], codes_inter=model.decode_head.convs(features[-1])
    )
    found['logits'] = model.decode_head(features)
    found['linear_probe'] = model.auxiliary_head([found['codes_inter']])
    return found


@pytest.mark.slow
@pytest.mark.parametrize('name', ['vits16', 'vits8'])
@pytest.mark.usefixtures('double')
def test_the_authors_numbers(
    tool, network_numbers, formula_weight, wave, largest_difference, tmp_path, name
):
    expected = network_numbers(f'iddc_{name}')
    assert expected.gain_mixed == 1.5
    content, probe = authors_file(expected, formula_weight)
    src, dst, back = (tmp_path / f'{k}.pth' for k in ('src', 'dst', 'back'))
    torch.save(content, src)
    tool.main([str(src), str(dst)])
    images = wave(2, 3, 96, 128, phase=0.1, scale=1.0)
    weights = torch.load(dst)['state_dict'] | probe
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-4)):
        model = build(name, dtype)
        model.load_state_dict(weights)
        with torch.no_grad():
            found = outputs_of(model, images.to(dtype))
        for output, values in expected.outputs_mixed.items():
            assert largest_difference(found[output], values) < tolerance, output
    torch.save(dict(state_dict=weights), dst)
    tool.main([str(dst), str(back), '--to-authors'])
    restored = torch.load(back)
    assert list(restored) == list(content)
    for key in PARTS:
        assert restored[key].keys() == content[key].keys()
        assert all(torch.equal(v, content[key][k]) for k, v in restored[key].items())


@pytest.fixture
def small(formula_weight):
    """A file of two blocks, 64 channels and three clusters."""

    def weights(**shapes):
        return {k: formula_weight(k, v).float() for k, v in shapes.items()}

    backbone = weights(cls_token=(1, 1, 64), pos_embed=(1, 17, 64)) | weights(
        **{
            'patch_embed.proj.weight': (64, 3, 8, 8),
            'patch_embed.proj.bias': (64,),
            'norm.weight': (64,),
            'norm.bias': (64,),
        }
    )
    for i in range(2):
        block = {
            'norm1': (64,),
            'attn.qkv': (192, 64),
            'attn.proj': (64, 64),
            'norm2': (64,),
            'mlp.fc1': (256, 64),
            'mlp.fc2': (64, 256),
        }
        for name, shape in block.items():
            for k, s in (('weight', shape), ('bias', shape[:1])):
                backbone |= weights(**{f'blocks.{i}.{name}.{k}': s})
    return dict(
        backbone={f'model.{k}': v for k, v in backbone.items()},
        head_nonlinear=weights(
            **{
                '0.weight': (64, 64, 3, 3),
                '0.bias': (64,),
                '2.weight': (64, 64, 1, 1),
                '2.bias': (64,),
            }
        ),
        classifier=weights(weight=(3, 64, 1, 1), bias=(3,)),
    )


def test_names_there_and_back(tool, small, tmp_path, capsys):
    src, dst, back = (tmp_path / f'{k}.pth' for k in ('src', 'dst', 'back'))
    torch.save(small, src)
    tool.main([str(src), str(dst)])
    assert 'IDDC with 3 clusters, without a linear probe' in capsys.readouterr().out
    content = torch.load(dst)
    assert content['meta']['settings']['arch']['num_layers'] == 2
    content['state_dict']['auxiliary_head.conv_seg.bias'] = torch.zeros(3)
    torch.save(content, dst)
    tool.main([str(dst), str(back), '--to-authors'])
    assert 'left out' in capsys.readouterr().out
    restored = torch.load(back)
    assert list(restored) == list(small)
    for key in PARTS:
        assert restored[key].keys() == small[key].keys()
        assert all(torch.equal(v, small[key][k]) for k, v in restored[key].items())


FAULTS = {
    'classifier.weight': 'missing',
    'head_nonlinear.2.weight': 'shape',
    'backbone.model.blocks.1.attn.qkv.weight': 'missing',
    'backbone.model.blocks.1.gamma': 'unknown',
    'conv1.weight': 'other',
}


@pytest.mark.parametrize('key', FAULTS)
def test_other_files_are_refused(tool, small, tmp_path, key):
    part, _, name = key.partition('.')
    if FAULTS[key] == 'missing':
        del small[part][name]
    elif FAULTS[key] == 'shape':
        small[part][name] = small[part][name][:-1]
    elif FAULTS[key] == 'unknown':
        small[part][name] = torch.zeros(1)
    else:
        small = {key: torch.zeros(2)}
    src, dst = tmp_path / 'source.pth', tmp_path / 'iddc.pth'
    torch.save(small, src)
    with pytest.raises(SystemExit) as error:
        tool.main([str(src), str(dst)])
    text = str(error.value)
    assert key in text and str(src) in text and '\n' not in text
    assert 'not the weights of IDDC' in text and not dst.exists()


def test_what_has_no_place_in_their_file_is_named(tool, small, tmp_path):
    src, dst, back = (tmp_path / f'{k}.pth' for k in ('src', 'dst', 'back'))
    torch.save(small, src)
    tool.main([str(src), str(dst)])
    content = torch.load(dst)
    content['state_dict']['neck.weight'] = torch.zeros(1)
    torch.save(content, dst)
    with pytest.raises(SystemExit, match=r"IDDC's network has no neck\.weight"):
        tool.main([str(dst), str(back), '--to-authors'])
    assert not back.exists()
