"""A checkpoint of NCDSS, EUMS's code, becomes a segmentor that computes the same."""

import importlib
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / 'tools/model_converters'
CONFIG = ROOT / 'configs/eums/deeplabv3_r50_pascal-5i_fold0.py'
CLASSES = dict(ncdss_base=16, ncdss_novel=26)


@pytest.fixture(scope='module')
def tool():
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module('ncdss_to_mmseg')
    sys.path.remove(str(FOLDER))


def build(num_classes=16, **head):
    cfg = Config.fromfile(CONFIG).model
    cfg.decode_head.update(num_classes=num_classes, **head)
    return MODELS.build(cfg)


def outputs_of(model, images):
    head, found = model.decode_head, []
    hooks = [
        layer.register_forward_pre_hook(lambda _, x: found.extend(x))
        for layer in (head.bottleneck[1], head.conv_seg)
    ]
    features = model.backbone(images)
    logits = head(features)
    for hook in hooks:
        hook.remove()
    size = images.shape[2:]
    resized = nn.functional.interpolate(
        logits, size, mode='bilinear', align_corners=head.align_corners
    )
    return dict(
        logits=resized,
        logits_before_resize=logits,
        layer4=features[0],
        aspp_project=found[0],
        embedding=found[1],
    )


@pytest.mark.slow
@pytest.mark.parametrize('name', CLASSES)
def test_the_authors_numbers(
    tool, network_numbers, formula_state, double, wave, largest_difference, name
):
    numbers = network_numbers(name)
    weights, _ = tool.convert(formula_state(numbers.names))
    model = build(CLASSES[name]).eval()
    model.load_state_dict(weights)
    images = wave(2, 3, 97, 129, phase=0.1, scale=1.0)
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-4)):
        with torch.no_grad():
            found = outputs_of(model.to(dtype), images.to(dtype))
        differences = {
            k: largest_difference(found[k], v) for k, v in numbers.outputs.items()
        }
        assert max(differences.values()) < tolerance, differences


@pytest.mark.slow
@pytest.mark.parametrize('name', CLASSES)
def test_the_authors_numbers_in_training_mode(
    tool, network_numbers, formula_state, double, wave, name, assert_training_mode
):
    numbers = network_numbers(name)
    weights, _ = tool.convert(formula_state(numbers.names))
    model = build(CLASSES[name], dropout_ratio=0.0)
    model.load_state_dict(weights)
    # What training fixes moves in these numbers.
    model.backbone.norm_eval, model.backbone.frozen_stages = False, -1
    model.train()
    with torch.no_grad():
        logits = outputs_of(model, wave(2, 3, 97, 129, phase=0.1, scale=1.0))['logits']
    ours = {tool.source_name(k): v for k, v in model.state_dict().items()}
    assert_training_mode(logits, ours, numbers.training_mode)


@pytest.mark.parametrize('name', CLASSES)
def test_names_and_shapes_are_the_authors(tool, network_numbers, name):
    state = build(CLASSES[name]).state_dict()
    classifier = dict(ncdss_base='decoder.4', ncdss_novel='head')[name]
    found = {tool.source_name(k, classifier): [*v.shape] for k, v in state.items()}
    assert found == network_numbers(name).names


def test_dilations_dropout_and_norms(network_numbers):
    model, numbers = build().train(), network_numbers('ncdss_base')
    stages = [
        [block.conv2 for block in getattr(model.backbone, f'layer{i}')]
        for i in (1, 2, 3, 4)
    ]
    dilations = [[conv.dilation[0] for conv in stage] for stage in stages]
    assert dilations == [[1] * 3, [1] * 4, [1, 2, 2, 2, 2, 2], [2, 4, 4]]
    assert [stage[0].stride[0] for stage in stages] == [1, 2, 1, 1]
    dropouts = [m for m in model.modules() if 'Dropout' in type(m).__name__]
    found = [[type(m).__name__, m.p] for m in dropouts]
    assert found == [module[1:] for module in numbers.dropout_modules]
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    [[_, eps, momentum, count]] = numbers.norm_layers_type_eps_momentum_count
    assert len(norms) == count
    assert {(m.eps, m.momentum) for m in norms} == {(eps, momentum)}
    assert not model.align_corners


def test_the_backbone_in_training():
    """Statistics are fixed; layers 3 and 4 are trained, their batch norm too."""
    backbone = build().train().backbone
    assert not any(m.training for m in backbone.modules() if isinstance(m, _BatchNorm))
    trained = {
        k.partition('.')[0] for k, v in backbone.named_parameters() if v.requires_grad
    }
    assert trained == {'layer3', 'layer4'}
    assert backbone.layer4[0].bn1.weight.requires_grad


@pytest.mark.parametrize('kind', ['bare', 'model', 'module', 'pair'])
def test_the_scored_network_is_converted(
    tool, network_numbers, formula_state, tmp_path, kind
):
    name = 'ncdss_novel' if kind == 'pair' else 'ncdss_base'
    network = {
        k: v.float() if v.is_floating_point() else v
        for k, v in formula_state(network_numbers(name).names).items()
    }
    wrong = {k: torch.zeros(()).expand(v.shape) for k, v in network.items()}
    content = dict(
        bare=network,
        model=dict(model=network, optimizer=dict(state={}), epoch=3, best_iou=0.5),
        module={f'module.{k}': v for k, v in network.items()},
        pair={f'model_q.{k}': v for k, v in network.items()}
        | {f'model_k.{k}': v for k, v in wrong.items()}
        | dict(queue=torch.zeros(256, 128)),
    )[kind]
    src, dst, back = (tmp_path / f'{stem}.pth' for stem in ('best', 'ours', 'theirs'))
    torch.save(content, src)
    tool.main([str(src), str(dst)])
    build(CLASSES[name]).load_state_dict(torch.load(dst)['state_dict'])
    tool.main(['--to-authors', str(dst), str(back)])
    theirs = torch.load(back, weights_only=True)
    names = {k: k.replace('head', 'decoder.4') for k in network}
    assert theirs.keys() == set(names.values())
    assert all(torch.equal(theirs[names[k]], v) for k, v in network.items())


FAULTS = {
    'decoder.2.running_var': 'missing',
    'backbone.conv1.weight': 'wrong',
    'head.weight_v': 'unknown',
    'encoder.conv1.0.weight': 'other',
}


@pytest.mark.parametrize('key', FAULTS)
def test_other_networks_are_refused(tool, network_numbers, tmp_path, key):
    names = network_numbers('ncdss_novel').names
    state = {name: torch.zeros(()).expand(shape) for name, shape in names.items()}
    if FAULTS[key] == 'missing':
        del state[key]
    elif FAULTS[key] == 'other':
        state = {key: torch.zeros(2)}
    else:
        state[key] = torch.zeros(2)
    src, dst = tmp_path / 'best.pth', tmp_path / 'ours.pth'
    torch.save(state, src)
    with pytest.raises(SystemExit) as error:
        tool.main([str(src), str(dst)])
    text = str(error.value)
    assert key in text and str(src) in text and '\n' not in text
    assert 'not the weights of' in text and not dst.exists()
