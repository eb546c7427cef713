"""AFA's network with weights by formula, against what the authors' code computes.

rulixiang/afa adcfa29, float64; see ``formula_weight`` and ``wave`` for the inputs.
"""

import copy
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

CONFIG = Path(__file__).parents[3] / 'configs/afa/mit-b1_voc.py'
# Mean, standard deviation, sum of absolute values, and one value of each output.
OUTPUTS = {
    'logits': (0.328606790888, 0.867776881444, 24909.5730354, 1.1506814274),
    'class_logits': (0.191506232859, 1.24928248917, 42.1729666631, -1.19039770113),
    'cam': (0.244168568188, 1.07074687529, 2319.17473812, -1.83231511668),
    'affinity': (0.823041936888, 0.0727399836588, 6533.30689502, 0.824766628325),
    'stage1': (-0.00486514111587, 1.00416835913, 84653.4910157, 0.923932515042),
    'stage4': (0.000307918768885, 1.00853238051, 51838.952882, -1.08146363161),
    'attention': (61.0029757271, 13.0764144537, 3873932.97058, 29.363411658),
}
PLACES = {
    'logits': (1, 5, 24, 0),
    'class_logits': (1, 5),
    'cam': (1, 5, 6, 0),
    'affinity': (1, 15, 62),
    'stage1': (1, 16, 24, 0),
    'stage4': (1, 128, 6, 0),
    'attention': (1, 2, 62, 0),
}
FUSED_MEANS = [0.168184309961, 0.0973454123728, 0.299209435788, 0.2128436435]
NAMES = (
    (r'backbone\.layers\.(\d)\.0\.projection', r'encoder.patch_embed{}.proj'),
    (r'backbone\.layers\.(\d)\.0\.norm', r'encoder.patch_embed{}.norm'),
    (r'backbone\.layers\.(\d)\.1', r'encoder.block{}'),
    (r'backbone\.layers\.(\d)\.2', r'encoder.norm{}'),
    (r'decode_head\.embed_layers\.(\d)', r'decoder.linear_c{}.proj'),
    (r'decode_head\.fuse_layer', 'decoder.linear_fuse'),
    (r'decode_head\.conv_seg', 'decoder.linear_pred'),
    (r'affinity\.projection', 'attn_proj'),
    (r'image_head\.', ''),
    (r'attn\.attn\.out_proj', 'attn.proj'),
    (r'ffn\.layers\.0', 'mlp.fc1'),
    (r'ffn\.layers\.1', 'mlp.dwconv.dwconv'),
    (r'ffn\.layers\.4', 'mlp.fc2'),
)


def their_name(name):
    for pattern, theirs in NAMES:
        found = re.search(pattern, name)
        if found:
            number = 1 + int(found[1]) if found.groups() else None
            name = name.replace(found[0], theirs.format(number))
    return name


def their_values(name, shape, formula_weight):
    name = their_name(name)
    if 'attn.attn.in_proj_' in name:
        width = shape[0] // 3
        parts = [('q', width), ('kv', 2 * width)]
        names = [name.replace('attn.in_proj_', f'{part}.') for part, _ in parts]
        rows = [(length, *shape[1:]) for _, length in parts]
        return torch.cat(list(map(formula_weight, names, rows)))
    values = formula_weight(name, shape)
    return values * (0.03 / 1.5) if name == 'attn_proj.weight' else values


@pytest.fixture(scope='module')
def network(formula_weight):
    init_default_scope('mmseg')  # before the tests' own
    cfg = Config.fromfile(CONFIG).model
    cfg.backbone.init_cfg = None
    cfg.backbone.drop_path_rate = 0.0
    cfg.decode_head.dropout_ratio = 0.0
    model = revert_sync_batchnorm(MODELS.build(cfg)).double()
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            value.copy_(their_values(name, tuple(value.shape), formula_weight))
    return model


def outputs_of(model, images):
    features, attention = model.encode(images)
    scores = attention.scores()
    return dict(
        logits=model.decode_head(features),
        class_logits=model.image_head(features),
        cam=model.image_head.activations(features),
        affinity=model.affinity(scores),
        stage1=features[0],
        stage4=features[3],
        attention=scores[:, 8:],
    )


@pytest.mark.slow
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32])
def test_outputs(network, wave, dtype):
    model = copy.deepcopy(network).to(dtype).eval()
    with torch.no_grad():
        found = outputs_of(model, wave(2, 3, 97, 129, phase=0.1, scale=1.0).to(dtype))
    for name, (mean, deviation, total, value) in OUTPUTS.items():
        x = found[name].double()
        near = dict(atol=deviation * (1e-9 if dtype == torch.float64 else 1e-4), rtol=0)

        def close(got, expected, near=near):
            torch.testing.assert_close(got, got.new_tensor(expected), **near)

        close(x.mean(), mean)
        close(x.std(correction=0), deviation)
        close(x.abs().mean(), total / x.numel())
        close(x[PLACES[name]], value)


@pytest.mark.slow
def test_training_mode(network, wave):
    model = copy.deepcopy(network).train()
    with torch.no_grad():
        images = wave(2, 3, 97, 129, phase=0.1, scale=1.0)
        logits = outputs_of(model, images)['logits']
        outputs_of(model, images)  # their means have moved twice: by 1 - 0.9 ** 2
    assert abs(logits.mean() - 0.0613517467992) < 1e-7
    assert abs(logits.std(correction=0) - 0.789129360586) < 1e-7
    means = model.decode_head.fuse_layer.bn.running_mean[:4]
    torch.testing.assert_close(means, means.new_tensor(FUSED_MEANS), atol=1e-7, rtol=0)
