"""A checkpoint of U2PL's authors becomes a segmentor that computes the same."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / 'tools/model_converters'
VOC = ROOT / 'configs/u2pl/deeplabv3plus_r101_voc-classic_1464.py'
CITYSCAPES = ROOT / 'configs/u2pl/deeplabv3plus_r101_cityscapes_744_suponly.py'
AUXILIARY = {
    'auxor.aux.0.weight': [256, 1024, 3, 3],
    'auxor.aux.0.bias': [256],
    'auxor.aux.1.weight': [256],
    'auxor.aux.1.bias': [256],
    'auxor.aux.1.running_mean': [256],
    'auxor.aux.1.running_var': [256],
    'auxor.aux.1.num_batches_tracked': [],
    'auxor.aux.4.weight': [19, 256, 1, 1],
    'auxor.aux.4.bias': [19],
}


@pytest.fixture(scope='module')
def tool():
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module('u2pl_to_mmseg')
    sys.path.remove(str(FOLDER))


@pytest.fixture
def numbers(network_numbers):
    return network_numbers('u2pl')


def build(path, **options):
    init_default_scope('mmseg')
    cfg = Config.fromfile(path)
    cfg.merge_from_dict(options)
    return revert_sync_batchnorm(MODELS.build(cfg.model))


@pytest.fixture(scope='module')
def network():
    """Our network, to look at."""
    return build(VOC)


def outputs_of(model, images):
    head, found = model.decode_head, []
    hook = head.bottleneck.register_forward_pre_hook(lambda _, x: found.extend(x))
    features = model.backbone(images)
    with model.representation_head.recording(head) as fused:
        logits = head(features)
    hook.remove()
    return dict(
        logits=logits,
        representation=model.representation_head(fused[0]),
        layer1=features[0],
        layer4=features[3],
        aspp=found[0],
    )


def zeros(shapes):
    """Tensors that take no memory."""
    return {name: torch.zeros(()).expand(shape) for name, shape in shapes.items()}


@pytest.mark.slow
def test_the_authors_numbers(
    tool, numbers, formula_state, double, wave, largest_difference
):
    weights, _ = tool.convert(formula_state(numbers.names))
    model = build(VOC).eval()
    model.load_state_dict(weights)
    odd = wave(2, 3, 97, 129, phase=0.1, scale=1.0)
    even = wave(1, 3, 96, 128, phase=0.1, scale=1.0)
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-4)):
        model.to(dtype)
        with torch.no_grad():
            found = outputs_of(model, odd.to(dtype))
            rounded_up = outputs_of(model, even.to(dtype))
        differences = {
            k: largest_difference(found[k], v) for k, v in numbers.outputs.items()
        } | {
            f'{k}, even size': largest_difference(rounded_up[k], v)
            for k, v in numbers.outputs_even_size.items()
        }
        assert max(differences.values()) < tolerance, differences


@pytest.mark.slow
def test_the_authors_numbers_in_training_mode(
    tool, numbers, formula_state, double, wave, assert_training_mode
):
    weights, _ = tool.convert(formula_state(numbers.names))
    model = build(VOC).train()
    model.load_state_dict(weights)
    for module in model.modules():
        if isinstance(module, nn.Dropout2d):
            module.p = 0.0
    with torch.no_grad():
        logits = outputs_of(model, wave(2, 3, 97, 129, phase=0.1, scale=1.0))['logits']
    ours = {tool.source_name(k): v for k, v in model.state_dict().items()}
    assert_training_mode(logits, ours, numbers.training_mode)


def test_names_and_shapes_are_the_authors(tool, numbers, network):
    found = {tool.source_name(k): [*v.shape] for k, v in network.state_dict().items()}
    assert found == numbers.names


def test_dilations_strides_and_norms(numbers, network):
    stages = [
        [block.conv2 for block in getattr(network.backbone, f'layer{i}')]
        for i in (1, 2, 3, 4)
    ]
    dilations = [[conv.dilation[0] for conv in stage] for stage in stages]
    assert dilations == [[1] * 3, [1] * 4, [1] + [2] * 22, [4, 8, 16]]
    assert [stage[0].stride[0] for stage in stages] == [1, 2, 1, 1]
    norms = [m for m in network.modules() if isinstance(m, _BatchNorm)]
    [[_, eps, momentum, count]] = numbers.norm_layers_type_eps_momentum_count
    assert len(norms) == count
    assert {(m.eps, m.momentum) for m in norms} == {(eps, momentum)}
    dropouts = [m.p for m in network.modules() if isinstance(m, nn.Dropout2d)]
    assert dropouts == [p for _, _, p in numbers.dropout_modules]
    assert network.align_corners


def test_mmsegs_parts_are_a_few_words_away():
    model = build(
        VOC,
        **{
            'model.backbone.stem_channels': 64,
            'model.decode_head.type': 'DepthwiseSeparableASPPHead',
            'model.representation_head.layer': 'sep_bottleneck',
        },
    )
    stock = MODELS.build(dict(type='ResNetV1c', depth=101))
    found = {k: v.shape for k, v in model.backbone.state_dict().items()}
    assert found == {k: v.shape for k, v in stock.state_dict().items()}
    assert type(model.decode_head).__name__ == 'DepthwiseSeparableASPPHead'


def test_the_teacher_is_converted_and_comes_back(
    tool, numbers, network, tmp_path, capsys
):
    src, dst, back = (tmp_path / f'{name}.pth' for name in ('ckpt', 'ours', 'theirs'))
    teacher = zeros(numbers.names)
    last = torch.randn(21, 256, 1, 1, generator=torch.Generator().manual_seed(0))
    teacher['decoder.classifier.8.weight'] = last
    content = dict(
        epoch=80,
        model_state={f'module.{k}': v for k, v in zeros(numbers.names).items()},
        optimizer_state=dict(state={}, param_groups=[dict(lr=0.001)]),
        teacher_state={f'module.{k}': v for k, v in teacher.items()},
        best_miou=np.float64(0.79),
    )
    torch.save(content, src)
    tool.main([str(src), str(dst)])
    ours = torch.load(dst, weights_only=True)['state_dict']
    assert ours.keys() == network.state_dict().keys()
    assert torch.equal(ours['decode_head.conv_seg.weight'], last)
    out = capsys.readouterr().out
    assert '711 tensors of U2PL' in out
    assert 'teacher_state is read, left out: epoch, model_state' in out
    tool.main(['--to-authors', str(dst), str(back)])
    theirs = torch.load(back, weights_only=True)['model_state']
    assert {k: [*v.shape] for k, v in theirs.items()} == {
        f'module.{k}': v for k, v in numbers.names.items()
    }
    assert torch.equal(theirs['module.decoder.classifier.8.weight'], last)


def without_representation(names):
    return {k: v for k, v in names.items() if 'representation' not in k}


def test_runs_on_labels_alone_and_the_encoder(tool, numbers, network):
    student = zeros(without_representation(numbers.names))
    weights, _ = tool.convert(student)
    ours = network.state_dict()
    assert weights.keys() == {k for k in ours if not k.startswith('representation')}
    encoder = {
        k.removeprefix('encoder.'): v
        for k, v in student.items()
        if k.startswith('encoder.')
    }
    weights, _ = tool.convert(encoder | {'fc.weight': torch.zeros(1000, 2048)})
    assert weights.keys() == network.backbone.state_dict().keys()


def test_the_auxiliary_head_of_cityscapes(tool, numbers, formula_state):
    shapes = without_representation(numbers.names)
    for tensor in ('weight', 'bias'):
        name = f'decoder.classifier.8.{tensor}'
        shapes[name] = [19, *shapes[name][1:]]
    theirs = {k: v.float() for k, v in formula_state(AUXILIARY).items()}
    weights, _ = tool.convert(zeros(shapes) | theirs)
    model = build(CITYSCAPES)
    assert weights.keys() == model.state_dict().keys()
    head = model.auxiliary_head.eval()
    prefix = 'auxiliary_head.'
    head.load_state_dict(
        {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
    )
    x = torch.randn(1, 1024, 6, 7, generator=torch.Generator().manual_seed(0))
    name = 'auxor.aux.{}.{}'.format
    y = F.conv2d(x, theirs[name(0, 'weight')], theirs[name(0, 'bias')], padding=1)
    statistics = [theirs[name(1, f'running_{k}')] for k in ('mean', 'var')]
    affine = [theirs[name(1, k)] for k in ('weight', 'bias')]
    y = F.batch_norm(y, *statistics, *affine).relu()
    y = F.conv2d(y, theirs[name(4, 'weight')], theirs[name(4, 'bias')])
    with torch.no_grad():
        found = head([None, None, x, None])
    torch.testing.assert_close(found, y, rtol=0, atol=1e-5)
    back = tool.to_authors(weights)['model_state']
    assert {k for k in back if 'auxor' in k} == {f'module.{k}' for k in AUXILIARY}


FAULTS = {
    'decoder.representation.4.bias': 'missing',
    'encoder.conv1.3.weight': 'wrong',
    'decoder.aspp.conv6.0.weight': 'unknown',
    'backbone.layer1.0.conv1.weight': 'other',
}


@pytest.mark.parametrize('key', FAULTS)
def test_other_networks_are_refused(tool, numbers, tmp_path, key):
    state = zeros(numbers.names)
    if FAULTS[key] == 'missing':
        del state[key]
    elif FAULTS[key] == 'other':
        state = {key: torch.zeros(2)}
    else:
        state[key] = torch.zeros(2)
    src, dst = tmp_path / 'ckpt.pth', tmp_path / 'ours.pth'
    torch.save(dict(model_state=state), src)
    with pytest.raises(SystemExit) as error:
        tool.main([str(src), str(dst)])
    text = str(error.value)
    assert key in text and str(src) in text and '\n' not in text
    assert 'not the weights of' in text and not dst.exists()
