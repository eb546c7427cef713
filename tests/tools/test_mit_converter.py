"""MiT of SegFormer's authors: what it computes survives the conversion."""

import importlib
import math
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS

FOLDER = Path(__file__).parents[2] / 'tools/model_converters'
WIDTH, HEADS, DEPTHS, REDUCTIONS = 8, (1, 2, 5, 8), (1, 2, 1, 1), (4, 2, 2, 1)


@pytest.fixture(scope='module')
def tool():
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module('mit_to_mmseg')
    sys.path.remove(str(FOLDER))


@pytest.fixture
def weights():
    """Random tensors under the names that the authors publish."""
    generator = torch.Generator().manual_seed(0)
    state = {}

    def layer(name, *shape, norm=False):
        weight = 0.3 * torch.randn(*shape, generator=generator)
        state[f'{name}.weight'] = 1 + weight if norm else weight
        state[f'{name}.bias'] = 0.3 * torch.randn(shape[0], generator=generator)

    before = 3
    for i, heads in enumerate(HEADS, 1):
        width, hidden, kernel = WIDTH * heads, 2 * WIDTH * heads, 7 if i == 1 else 3
        layer(f'patch_embed{i}.proj', width, before, kernel, kernel)
        layer(f'patch_embed{i}.norm', width, norm=True)
        for j in range(DEPTHS[i - 1]):
            block, reduction = f'block{i}.{j}', REDUCTIONS[i - 1]
            for norm in ('norm1', 'norm2'):
                layer(f'{block}.{norm}', width, norm=True)
            layer(f'{block}.attn.q', width, width)
            layer(f'{block}.attn.kv', 2 * width, width)
            layer(f'{block}.attn.proj', width, width)
            if reduction > 1:
                layer(f'{block}.attn.sr', width, width, reduction, reduction)
                layer(f'{block}.attn.norm', width, norm=True)
            layer(f'{block}.mlp.fc1', hidden, width)
            layer(f'{block}.mlp.dwconv.dwconv', hidden, 1, 3, 3)
            layer(f'{block}.mlp.fc2', width, hidden)
        layer(f'norm{i}', width, norm=True)
        before = width
    layer('head', 10, before)
    return state


def forward(w, x, strides=(4, 2, 2, 2)):
    """MiT in plain torch; the maps of the stages."""

    def norm(x, name, eps):
        return F.layer_norm(
            x, x.shape[-1:], w[f'{name}.weight'], w[f'{name}.bias'], eps
        )

    def linear(x, name):
        return x @ w[f'{name}.weight'].T + w[f'{name}.bias']

    def conv(x, name, **kwargs):
        return F.conv2d(x, w[f'{name}.weight'], w[f'{name}.bias'], **kwargs)

    def tokens(x):
        return x.flatten(2).transpose(1, 2)

    maps = []
    for i, heads in enumerate(HEADS, 1):
        x = conv(
            x, f'patch_embed{i}.proj', stride=strides[i - 1], padding=3 if i == 1 else 1
        )
        num, width, height, columns = x.shape

        def image(x, shape=(num, -1, height, columns)):
            return x.transpose(1, 2).reshape(shape)

        x = norm(tokens(x), f'patch_embed{i}.norm', 1e-5)
        for j in range(DEPTHS[i - 1]):
            block, reduction = f'block{i}.{j}', REDUCTIONS[i - 1]
            y = keys = norm(x, f'{block}.norm1', 1e-6)
            if reduction > 1:
                keys = tokens(conv(image(y), f'{block}.attn.sr', stride=reduction))
                keys = norm(keys, f'{block}.attn.norm', 1e-5)
            q = linear(y, f'{block}.attn.q')
            k, v = linear(keys, f'{block}.attn.kv').chunk(2, -1)
            q, k, v = (
                z.reshape(num, -1, heads, width // heads).transpose(1, 2)
                for z in (q, k, v)
            )
            scores = q @ k.transpose(2, 3) / math.sqrt(width // heads)
            y = (scores.softmax(3) @ v).transpose(1, 2).reshape(num, -1, width)
            x = x + linear(y, f'{block}.attn.proj')
            y = image(linear(norm(x, f'{block}.norm2', 1e-6), f'{block}.mlp.fc1'))
            y = conv(y, f'{block}.mlp.dwconv.dwconv', padding=1, groups=y.shape[1])
            x = x + linear(F.gelu(tokens(y)), f'{block}.mlp.fc2')
        x = image(norm(x, f'norm{i}', 1e-6))
        maps.append(x)
    return maps


@pytest.mark.parametrize('strides', [(4, 2, 2, 2), (4, 2, 2, 1)])
def test_outputs_equal_a_plain_forward_pass(tool, weights, tmp_path, strides):
    src, dst = tmp_path / 'source.pth', tmp_path / 'mit.pth'
    torch.save({f'module.{k}': v for k, v in weights.items()}, src)
    tool.main([str(src), str(dst)])
    meta = torch.load(dst)['meta']
    assert meta['settings'] == dict(
        embed_dims=WIDTH,
        num_layers=[*DEPTHS],
        num_heads=[*HEADS],
        patch_sizes=[7, 3, 3, 3],
        sr_ratios=[*REDUCTIONS],
        mlp_ratio=2,
    )
    mit = MODELS.build(
        dict(
            type='OriginalMixVisionTransformer',
            **meta['settings'],
            strides=list(strides),
            init_cfg=dict(type='Pretrained', checkpoint=str(dst)),
        )
    )
    mit.init_weights()
    images = torch.randn(2, 3, 70, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found = mit.eval()(images)
    expected = forward(weights, images, strides)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


FAULTS = {
    'block2.1.attn.sr.weight': 'missing',
    'block2.1.attn.proj.weight': 'shape',
    'block2.1.attn.kv.weight': 'missing',
    'block2.1.gamma_1': 'unknown',
    'layer1.0.conv1.weight': 'other',
}


@pytest.mark.parametrize('key', FAULTS)
def test_other_networks_are_refused(tool, weights, tmp_path, key):
    fault = FAULTS[key]
    if fault == 'missing':
        del weights[key]
    elif fault == 'shape':
        weights[key] = weights[key][:, :-1]
    elif fault == 'unknown':
        weights[key] = torch.zeros(1)
    else:
        weights = {key: torch.zeros(2)}
    src, dst = tmp_path / 'source.pth', tmp_path / 'mit.pth'
    torch.save(weights, src)
    with pytest.raises(SystemExit) as error:
        tool.main([str(src), str(dst)])
    text = str(error.value)
    assert key.replace('.kv.', '.q.') in text and str(src) in text and '\n' not in text
    assert 'not the weights of' in text and not dst.exists()
