"""DINO's XCiT: every tensor under XCiT's own names finds its place."""

import importlib
import sys
from pathlib import Path

import pytest
import torch
from mmseg.registry import MODELS

FOLDER = Path(__file__).parents[2] / 'tools/model_converters'
DIMS, HEADS, HIDDEN = 16, 2, 48
LINEARS = dict(proj=(DIMS, DIMS), fc1=(HIDDEN, DIMS), fc2=(DIMS, HIDDEN))


@pytest.fixture(scope='module')
def tool():
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module('xcit_to_mmpretrain')
    sys.path.remove(str(FOLDER))


def source(patch=8):
    """Random tensors under the names of facebookresearch/xcit."""
    generator = torch.Generator().manual_seed(0)
    state = {}

    def draw(name, *shape):
        state[name] = torch.randn(*shape, generator=generator)

    def layer(name, *shape):
        draw(f'{name}.weight', *shape)
        draw(f'{name}.bias', shape[0])

    def batch_norm(name, width):
        layer(name, width)
        draw(f'{name}.running_mean', width)
        state[f'{name}.running_var'] = torch.rand(width, generator=generator)
        state[f'{name}.num_batches_tracked'] = torch.tensor(7)

    draw('cls_token', 1, 1, DIMS)
    widths = [3, *(DIMS // n for n in (8, 4, 2, 1) if patch == 16 or n < 8)]
    for i, (inner, outer) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
        draw(f'patch_embed.proj.{2 * i}.0.weight', outer, inner, 3, 3)
        batch_norm(f'patch_embed.proj.{2 * i}.1', outer)
    layer('pos_embeder.token_projection', DIMS, 64, 1, 1)
    for i in range(2):
        for k in (1, 2, 3):
            draw(f'blocks.{i}.gamma{k}', DIMS)
            layer(f'blocks.{i}.norm{k}', DIMS)
        draw(f'blocks.{i}.attn.temperature', HEADS, 1, 1)
        layer(f'blocks.{i}.attn.qkv', 3 * DIMS, DIMS)
        layer(f'blocks.{i}.local_mp.conv1', DIMS, 1, 3, 3)
        layer(f'blocks.{i}.local_mp.conv2', DIMS, 1, 3, 3)
        batch_norm(f'blocks.{i}.local_mp.bn', DIMS)
    for k in (1, 2):
        draw(f'cls_attn_blocks.0.gamma{k}', DIMS)
        layer(f'cls_attn_blocks.0.norm{k}', DIMS)
    layer('cls_attn_blocks.0.attn.qkv', 3 * DIMS, DIMS)
    for block in ('blocks.0', 'blocks.1', 'cls_attn_blocks.0'):
        for name, shape in LINEARS.items():
            module = 'attn' if name == 'proj' else 'mlp'
            layer(f'{block}.{module}.{name}', *shape)
    layer('norm', DIMS)
    return state


@pytest.mark.parametrize('patch', [8, 16])
def test_weights_find_their_places(tool, tmp_path, patch):
    src, dst = tmp_path / 'source.pth', tmp_path / 'xcit.pth'
    state = source(patch)
    torch.save({f'backbone.{k}': v for k, v in state.items()}, src)
    tool.main([str(src), str(dst)])
    content = torch.load(dst)
    assert content['meta']['settings'] == dict(
        patch_size=patch,
        embed_dims=DIMS,
        depth=2,
        cls_attn_layers=1,
        num_heads=HEADS,
        mlp_ratio=HIDDEN / DIMS,
        tokens_norm=True,
    )
    xcit = MODELS.build(
        dict(
            type='mmpretrain.XCiT',
            **content['meta']['settings'],
            out_type='featmap',
            init_cfg=dict(type='Pretrained', checkpoint=str(dst)),
        )
    )
    xcit.init_weights()
    found = xcit.state_dict()
    qkv = torch.cat([found[f'ca_layers.0.attn.{n}.weight'] for n in 'qkv'])
    for ours, theirs in {
        'patch_embed.proj.1.conv.weight': 'patch_embed.proj.2.0.weight',
        'patch_embed.proj.1.bn.running_var': 'patch_embed.proj.2.1.running_var',
        'pos_embed.token_projection.conv.bias': 'pos_embeder.token_projection.bias',
        'xca_layers.1.gamma3': 'blocks.1.gamma3',
        'xca_layers.1.attn.temperature': 'blocks.1.attn.temperature',
        'xca_layers.1.local_mp.conv1.bn.weight': 'blocks.1.local_mp.bn.weight',
        'xca_layers.1.ffn.layers.0.0.weight': 'blocks.1.mlp.fc1.weight',
        'ca_layers.0.ffn.layers.1.bias': 'cls_attn_blocks.0.mlp.fc2.bias',
    }.items():
        assert torch.equal(found[ours], state[theirs]), ours
    assert torch.equal(qkv, state['cls_attn_blocks.0.attn.qkv.weight'])
    assert sum(v.numel() for v in found.values()) == sum(
        v.numel() for v in state.values()
    )
    xcit.eval()
    (features,) = xcit(torch.randn(1, 3, 64, 48))
    assert features.shape == (1, DIMS, 64 // patch, 48 // patch)


@pytest.mark.parametrize('fault', ['missing', 'unknown', 'other'])
def test_other_architectures_are_refused(tool, tmp_path, fault):
    weights, key = source(), 'blocks.1.attn.proj.weight'
    if fault == 'missing':
        del weights[key]
    elif fault == 'unknown':
        key = 'blocks.1.attn.relative'
        weights[key] = torch.zeros(1)
    else:
        weights, key = {'conv1.weight': torch.zeros(2)}, 'conv1.weight'
    src, dst = tmp_path / 'source.pth', tmp_path / 'xcit.pth'
    torch.save(weights, src)
    with pytest.raises(SystemExit) as error:
        tool.main([str(src), str(dst)])
    text = str(error.value)
    assert key in text and str(src) in text and '\n' not in text
    assert 'not the weights of' in text and not dst.exists()
