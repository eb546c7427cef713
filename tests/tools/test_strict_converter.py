"""STRICT's network with the authors' names computes what the authors' code computes.

The numbers are those of github.com/giuseppepastore10/STRICT bc18093, in float64, with
weights by formula under the authors' names, in both spellings of these.
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
STATISTICS = {
    'base.layer1.conv1.bn.running_mean': 'backbone.bn1.running_mean',
    'base.layer5.block3.increase.bn.running_mean': 'backbone.layer4.2.bn3.running_mean',
}


@pytest.fixture(scope='module')
def tool():
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module('strict_to_mmseg')
    sys.path.remove(str(FOLDER))


def authors_state(names, formula_weight):
    counters = {k for k, _ in names if k.endswith('num_batches_tracked')}
    assert len(names) == 632 and len(counters) == 104
    return {
        k: torch.zeros((), dtype=torch.int64)
        if k in counters
        else formula_weight(k, v, gain=1.3)
        for k, v in names
    }


def build(vectors, **backbone):
    """The network of the paper's configs; vectors in float64."""
    cfg = Config.fromfile(ROOT / 'configs/_base_/strict_voc.py')
    cfg.model.decode_head.embeddings = vectors.tolist()
    cfg.model.decode_head.classes = [f'class {k}' for k in range(len(vectors))]
    cfg.model.backbone.update(init_cfg=None, **backbone)
    model = MODELS.build(dict(cfg.model, type='ZeroLabelEncoderDecoder'))
    model.double().decode_head.conv_seg.vectors.copy_(vectors)
    return model


def outputs_of(model, images):
    features = model.extract_feat(images)
    return dict(
        layer5=features[0],
        projection_600=model.decode_head.conv_seg.embed(features[0]),
        logits=model.decode_head(features),
    )


@pytest.fixture(scope='module')
def vectors(wave):
    rows = wave(20, 600, phase=0.4, scale=1.0)
    return rows / rows.norm(dim=1, keepdim=True)


@pytest.mark.slow
@pytest.mark.parametrize('name', ['original', 'spnet'])
@pytest.mark.usefixtures('double')
@torch.no_grad()
def test_the_authors_numbers(
    tool, network_numbers, formula_weight, wave, vectors, largest_difference, name
):
    expected = network_numbers(f'strict_{name}')
    assert expected.gain_mixed == 1.3
    weights, _ = tool.convert(authors_state(expected.names, formula_weight))
    model = build(vectors, norm_eval=False).eval()
    model.load_state_dict(weights)
    assert model.backbone.bn1.momentum == 0.999
    odd = wave(2, 3, 97, 129, phase=0.1, scale=1.0)
    even = wave(1, 3, 96, 128, phase=0.1, scale=1.0)
    for dtype, tolerance in ((torch.float32, 1e-4), (torch.float64, 1e-9)):
        model.to(dtype)
        if dtype == torch.float64:
            model.load_state_dict(weights)
            model.decode_head.conv_seg.vectors.copy_(vectors)
        for key, images in (('outputs', odd), ('outputs_even_size', even)):
            found = outputs_of(model, images.to(dtype))
            for output, values in getattr(expected, f'{key}_mixed').items():
                assert largest_difference(found[output], values) < tolerance, output
    trained = expected.training_mode_mixed
    logits = outputs_of(model.train(), odd)['logits']
    tolerance = 1e-7 * trained['logits_std']
    assert abs(logits.mean().item() - trained['logits_mean']) < tolerance
    assert abs(logits.std(correction=0).item() - trained['logits_std']) < tolerance
    first = torch.tensor(trained['logits_first'], dtype=torch.float64)
    assert (logits.flatten()[: len(first)] - first).abs().max() < tolerance
    state = model.state_dict()
    for theirs, ours in STATISTICS.items():
        values = trained['running_mean_first4_after'][theirs]
        assert state[ours][:4].tolist() == pytest.approx(values, abs=1e-7)


@pytest.fixture(params=['original', 'spnet', 'files of spnet'])
def small(request, tool):
    """A ResNet-50 of width 2 with 6 numbers an embedding, and how it is spelled."""
    spelling = {
        'original': tool.Spelling(),
        'spnet': tool.Spelling(shortcut='proj'),
        'files of spnet': tool.Spelling('scale.', 'proj', 'stages.'),
    }[request.param]
    backbone = MODELS.build(
        dict(type='CeilPoolResNet', depth=50, stem_channels=2, base_channels=2)
    )
    state = {
        spelling.name(f'backbone.{k}'): v for k, v in backbone.state_dict().items()
    }
    generator = torch.Generator().manual_seed(0)
    for i in range(4):
        state[spelling.branch(i, 'weight')] = torch.randn(
            6, 64, 3, 3, generator=generator
        )
        state[spelling.branch(i, 'bias')] = torch.randn(6, generator=generator)
    return state


def test_names_there_and_back(tool, small, tmp_path, capsys):
    src, dst, back = (tmp_path / f'{k}.pth' for k in ('src', 'dst', 'back'))
    content = {f'module.{k}': v for k, v in small.items()}
    torch.save(dict(iteration=3, state_dict=content, optimizer={}), src)
    tool.main([str(src), str(dst)])
    assert 'DeepLabV2 with ResNet-50 and embeddings of 6' in capsys.readouterr().out
    ours = torch.load(dst)
    bias = ours['state_dict']['decode_head.conv_seg.embed.bias']
    ours['state_dict']['decode_head.conv_seg.bias'] = torch.zeros(20)
    torch.save(ours, dst)
    tool.main([str(dst), str(back), '--to-authors'])
    assert 'left out' in capsys.readouterr().out
    restored = torch.load(back)['state_dict']
    plain = {
        f'module.{k}'.replace('scale.', 'base.')
        .replace('.proj.', '.shortcut.')
        .replace('.stages.', '.'): v
        for k, v in small.items()
    }
    assert restored.keys() == plain.keys()
    biases = [k for k in plain if '.aspp.' in k and k.endswith('bias')]
    assert all(torch.equal(v, plain[k]) for k, v in restored.items() if k not in biases)
    assert torch.equal(sum(restored[k] for k in biases), bias)
    torch.testing.assert_close(bias, sum(plain[k] for k in biases))


FAULTS = {
    'layer2.block1.{shortcut}.bn.weight': 'missing',
    'aspp.{stages}c2.bias': 'missing',
    'layer5.block3.conv3x3.conv.weight': 'shape',
    'layer5.block3.gamma': 'unknown',
    'conv1.weight': 'other',
}


@pytest.mark.parametrize('fault', FAULTS)
def test_other_files_are_refused(tool, small, tmp_path, fault):
    spelling = tool.find_spelling(small)
    key = spelling.prefix + fault.format(**spelling._asdict())
    if FAULTS[fault] == 'missing':
        del small[key]
    elif FAULTS[fault] == 'shape':
        small[key] = small[key][:, :-1]
    elif FAULTS[fault] == 'unknown':
        small[key] = torch.zeros(1)
    else:
        small = {key: torch.zeros(2)}
    src, dst = tmp_path / 'source.pth', tmp_path / 'strict.pth'
    torch.save(small, src)
    with pytest.raises(SystemExit) as error:
        tool.main([str(src), str(dst)])
    text = str(error.value)
    assert key in text and str(src) in text and '\n' not in text
    assert 'not the weights of STRICT or SPNet' in text and not dst.exists()


def test_what_has_no_place_in_their_file_is_named(tool):
    with pytest.raises(ValueError, match=r"STRICT's network has no neck\.weight"):
        tool.to_authors({'neck.weight': torch.zeros(1)})
