"""The authors' networks once more, with weights of which every filter is one sine wave.

Such weights amplify rounding: by the authors' own code float64 is right to 1e-7
deviations of an output. The tests of the converters have weights of another formula.
"""

import importlib
import json
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmseg.registry import MODELS

from . import (
    test_iddc_converter,
    test_ncdss_converter,
    test_strict_converter,
    test_u2pl_converter,
)

ROOT = Path(__file__).parents[2]
NUMBERS = json.loads((Path(__file__).parent / 'network_numbers/plain.json').read_text())
SETTINGS = dict(phase=0.1, scale=1.0)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures('double')]


@pytest.fixture
def tool():
    folder = str(ROOT / 'tools/model_converters')
    sys.path.insert(0, folder)
    yield lambda name: importlib.import_module(f'{name}_to_mmseg')
    sys.path.remove(folder)


@pytest.fixture
def plain(formula_weight):
    """State dict of names and shapes by the formula of a network."""

    def plain(network, names):
        gain, gains = NUMBERS[network]['gain'], NUMBERS[network].get('gains', {})
        return {
            name: formula_weight(name, shape, gains.get(name, gain), mixed=False)
            if shape
            else torch.zeros((), dtype=torch.int64)
            for name, shape in dict(names).items()
        }

    return plain


@pytest.fixture
def assert_outputs(largest_difference):
    def assert_outputs(network, found):
        differences = {
            name: largest_difference(found[name], values)
            for name, values in NUMBERS[network]['outputs'].items()
        }
        assert max(differences.values()) < 1e-7, differences

    return assert_outputs


@pytest.mark.parametrize('name', ['vits16', 'vits8'])
@torch.no_grad()
def test_iddc(tool, network_numbers, formula_weight, wave, assert_outputs, name):
    network = f'iddc_{name}'
    formula = partial(formula_weight, gain=NUMBERS[network]['gain'], mixed=False)
    numbers = network_numbers(network)
    content, probe = test_iddc_converter.authors_file(numbers, formula)
    theirs = {f'{k}.{n}': v for k, part in content.items() for n, v in part.items()}
    weights, _ = tool('iddc').convert(theirs)
    model = test_iddc_converter.build(name)
    model.load_state_dict(weights | probe)
    images = wave(2, 3, 96, 128, **SETTINGS)
    assert_outputs(network, test_iddc_converter.outputs_of(model, images))


@pytest.mark.parametrize('network', ['ncdss_base', 'ncdss_novel'])
@torch.no_grad()
def test_ncdss(tool, network_numbers, plain, wave, assert_outputs, network):
    weights, _ = tool('ncdss').convert(plain(network, network_numbers(network).names))
    model = test_ncdss_converter.build(test_ncdss_converter.CLASSES[network]).eval()
    model.load_state_dict(weights)
    images = wave(2, 3, 97, 129, **SETTINGS)
    assert_outputs(network, test_ncdss_converter.outputs_of(model, images))


@pytest.mark.parametrize('network', ['strict_original', 'strict_spnet'])
@torch.no_grad()
def test_strict(tool, network_numbers, plain, wave, assert_outputs, network):
    weights, _ = tool('strict').convert(plain(network, network_numbers(network).names))
    rows = wave(20, 600, phase=0.4, scale=1.0)
    vectors = rows / rows.norm(dim=1, keepdim=True)
    model = test_strict_converter.build(vectors, norm_eval=False).eval()
    model.load_state_dict(weights)
    images = wave(2, 3, 97, 129, **SETTINGS)
    assert_outputs(network, test_strict_converter.outputs_of(model, images))


@torch.no_grad()
def test_u2pl(tool, network_numbers, plain, wave, assert_outputs):
    weights, _ = tool('u2pl').convert(plain('u2pl', network_numbers('u2pl').names))
    model = test_u2pl_converter.build(test_u2pl_converter.VOC).eval()
    model.load_state_dict(weights)
    images = wave(2, 3, 97, 129, **SETTINGS)
    assert_outputs('u2pl', test_u2pl_converter.outputs_of(model, images))


@torch.no_grad()
def test_afa(tool, plain, wave, assert_outputs):
    numbers = SimpleNamespace(**NUMBERS['afa'])
    weights, _ = tool('afa').convert(plain('afa', numbers.names))
    cfg = Config.fromfile(ROOT / 'configs/afa/mit-b1_voc.py').model
    cfg.backbone.init_cfg = None
    model = revert_sync_batchnorm(MODELS.build(cfg)).double().eval()
    model.load_state_dict(weights)
    features, attention = model.encode(wave(2, 3, 97, 129, **SETTINGS))
    found = dict(
        logits=model.decode_head(features),
        class_logits=model.image_head(features),
        cam=model.image_head.activations(features),
        affinity=model.affinity(attention.scores()),
        stage1=features[0],
        stage4=features[3],
    )
    assert_outputs('afa', found)


@torch.no_grad()
def test_daformer(tool, plain, wave, assert_outputs):
    theirs = plain('daformer', NUMBERS['daformer']['names'])
    theirs = {f'model.{name}': value for name, value in theirs.items()}
    weights, _ = tool('daformer').convert(theirs)
    cfg = Config.fromfile(
        ROOT / 'configs/daformer/daformer_mit-b5_gta2cityscapes_source-only.py'
    ).model
    cfg.backbone.init_cfg = None
    model = MODELS.build(cfg).double().eval()
    model.load_state_dict(weights)
    features = model.extract_feat(wave(2, 3, 97, 129, **SETTINGS))
    fused = model.decode_head.fuse_layer(model.decode_head.embed(features))
    found = {f'stage{i}': x for i, x in enumerate(features, 1)}
    found |= dict(fused=fused, logits=model.decode_head(features))
    assert_outputs('daformer', found)
