"""ViT of DINO, DINOv2 and iBOT: what it computes survives the conversion."""

import importlib
import math
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmseg.registry import MODELS

FOLDER = Path(__file__).parents[2] / 'tools/model_converters'
DIMS, BLOCKS, HIDDEN, PATCH, SIDE = 128, 3, 192, 8, 4
LAYER_SCALES = 'ls1', 'ls2'


@pytest.fixture(scope='module')
def tool():
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module('vit_to_mmpretrain')
    sys.path.remove(str(FOLDER))


@pytest.fixture
def weights():
    """Random tensors under the names that DINO publishes."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape, scale=0.2):
        return scale * torch.randn(*shape, generator=generator)

    state = {
        'cls_token': draw(1, 1, DIMS),
        'pos_embed': draw(1, SIDE * SIDE + 1, DIMS),
        'patch_embed.proj.weight': draw(DIMS, 3, PATCH, PATCH),
        'patch_embed.proj.bias': draw(DIMS),
        'norm.weight': 1 + draw(DIMS),
        'norm.bias': draw(DIMS),
    }
    for i in range(BLOCKS):
        for name, shape in (
            ('norm1', (DIMS,)),
            ('attn.qkv', (3 * DIMS, DIMS)),
            ('attn.proj', (DIMS, DIMS)),
            ('norm2', (DIMS,)),
            ('mlp.fc1', (HIDDEN, DIMS)),
            ('mlp.fc2', (DIMS, HIDDEN)),
        ):
            state[f'blocks.{i}.{name}.weight'] = draw(*shape)
            state[f'blocks.{i}.{name}.bias'] = draw(shape[0])
    return state


def layer_scale(blocks=BLOCKS, width=DIMS):
    """What DINOv2's files hold beside: layer scales and the mask's token."""
    generator = torch.Generator().manual_seed(2)
    names = [f'blocks.{i}.{name}.gamma' for i in range(blocks) for name in LAYER_SCALES]
    scales = {name: torch.rand(width, generator=generator) for name in names}
    return dict(scales, mask_token=torch.zeros(1, width))


def forward(w, images):
    """A vision transformer in plain torch; normalized patch tokens (N, D, h, w)."""

    def norm(x, name):
        return F.layer_norm(x, (DIMS,), w[f'{name}.weight'], w[f'{name}.bias'], 1e-6)

    def linear(x, name):
        return x @ w[f'{name}.weight'].T + w[f'{name}.bias']

    def scale(x, name):
        return x * w.get(f'{name}.gamma', torch.ones(1))

    num, heads = len(images), DIMS // 64
    patches = images.unfold(2, PATCH, PATCH).unfold(3, PATCH, PATCH)
    patches = patches.permute(0, 2, 3, 1, 4, 5).reshape(num, SIDE * SIDE, -1)
    kernel = w['patch_embed.proj.weight'].reshape(DIMS, -1)
    x = patches @ kernel.T + w['patch_embed.proj.bias']
    x = torch.cat([w['cls_token'].repeat(num, 1, 1), x], 1) + w['pos_embed']
    for i in range(BLOCKS):
        y = linear(norm(x, f'blocks.{i}.norm1'), f'blocks.{i}.attn.qkv')
        y = y.reshape(num, -1, 3, heads, 64).permute(2, 0, 3, 1, 4)
        q, k, v = y
        attention = (q @ k.transpose(2, 3) / math.sqrt(64)).softmax(3)
        y = (attention @ v).transpose(1, 2).reshape(num, -1, DIMS)
        x = x + scale(linear(y, f'blocks.{i}.attn.proj'), f'blocks.{i}.ls1')
        y = linear(norm(x, f'blocks.{i}.norm2'), f'blocks.{i}.mlp.fc1')
        y = 0.5 * y * (1 + torch.erf(y / math.sqrt(2)))
        x = x + scale(linear(y, f'blocks.{i}.mlp.fc2'), f'blocks.{i}.ls2')
    tokens = norm(x, 'norm')[:, 1:]
    return tokens.transpose(1, 2).reshape(num, DIMS, SIDE, SIDE)


@pytest.mark.parametrize('source', ['dino', 'dinov2', 'ibot'])
def test_outputs_equal_a_plain_forward_pass(tool, weights, tmp_path, source):
    src, dst = tmp_path / 'source.pth', tmp_path / 'vit.pth'
    if source == 'dinov2':
        weights.update(layer_scale())
    content = dict(weights)
    if source == 'ibot':  # prefixed, with its mask and projection head
        content['masked_embed'] = torch.zeros(1, DIMS)
        content = {f'module.backbone.{k}': v for k, v in content.items()}
        content['module.head.mlp.0.weight'] = torch.zeros(2, 2)
        content = dict(state_dict=content)
    torch.save(content, src)
    tool.main([str(src), str(dst)])
    meta = torch.load(dst)['meta']
    scales = dict(layer_scale_init_value=1e-5) if source == 'dinov2' else {}
    assert meta['settings'] == dict(
        arch=dict(
            embed_dims=DIMS, num_layers=BLOCKS, num_heads=2, feedforward_channels=HIDDEN
        ),
        img_size=SIDE * PATCH,
        patch_size=PATCH,
        **scales,
    )
    vit = MODELS.build(
        dict(
            type='mmpretrain.VisionTransformer',
            **meta['settings'],
            out_type='featmap',
            init_cfg=dict(type='Pretrained', checkpoint=str(dst)),
        )
    )
    vit.init_weights()
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(2, 3, SIDE * PATCH, SIDE * PATCH, generator=generator)
    with torch.no_grad():
        vit.eval()
        (found,) = vit(images)
    torch.testing.assert_close(found, forward(weights, images), rtol=1e-4, atol=1e-4)


def test_published_shapes_are_those_of_the_configs(tool):
    """ViT-S/16, S/8 and B/8 by their tensors' shapes alone."""
    for arch, width, patch in (
        ('deit-small', 384, 16),
        ('deit-small', 384, 8),
        ('deit-base', 768, 8),
    ):
        with torch.device('meta'):
            vit = MODELS.build(
                dict(
                    type='mmpretrain.VisionTransformer',
                    arch=arch,
                    img_size=224,
                    patch_size=patch,
                    out_type='featmap',
                )
            )
        names = tool.source_names(vit.state_dict())
        source = {names[k]: v for k, v in vit.state_dict().items()}
        settings = tool.find_settings(source)
        assert settings['img_size'] == 224 and settings['patch_size'] == patch
        assert settings['arch'] == dict(
            embed_dims=width,
            num_layers=12,
            num_heads=width // 64,
            feedforward_channels=4 * width,
        )


DINOV2 = {  # names and shapes of dinov2_vits14_pretrain.pth and dinov2_vitb14...
    'cls_token': (1, 1, 'D'),
    'pos_embed': (1, 1370, 'D'),
    'mask_token': (1, 'D'),
    'patch_embed.proj.weight': ('D', 3, 14, 14),
    'patch_embed.proj.bias': ('D',),
    **{
        f'blocks.{i}.{name}': shape
        for i in range(12)
        for name, shape in {
            'norm1.weight': ('D',),
            'norm1.bias': ('D',),
            'attn.qkv.weight': ('3D', 'D'),
            'attn.qkv.bias': ('3D',),
            'attn.proj.weight': ('D', 'D'),
            'attn.proj.bias': ('D',),
            'ls1.gamma': ('D',),
            'norm2.weight': ('D',),
            'norm2.bias': ('D',),
            'mlp.fc1.weight': ('4D', 'D'),
            'mlp.fc1.bias': ('4D',),
            'mlp.fc2.weight': ('D', '4D'),
            'mlp.fc2.bias': ('D',),
            'ls2.gamma': ('D',),
        }.items()
    },
    'norm.weight': ('D',),
    'norm.bias': ('D',),
}


@pytest.mark.parametrize(('leaf', 'width'), [('s', 384), ('b', 768)])
def test_dinov2_fills_the_backbone_of_its_config(tool, leaf, width):
    sizes = {'D': width, '3D': 3 * width, '4D': 4 * width}
    path = (
        FOLDER.parents[1] / f'configs/unimatch_v2/dpt_dinov2-{leaf}_voc-classic_92.py'
    )
    with torch.device('meta'):
        source = {
            name: torch.empty([sizes.get(side, side) for side in shape])
            for name, shape in DINOV2.items()
        }
        weights, meta = tool.convert(source)
        vit = MODELS.build(Config.fromfile(path).model.backbone)
    assert meta['settings']['img_size'] == 518
    wanted = {name: value.shape for name, value in vit.state_dict().items()}
    assert {name: value.shape for name, value in weights.items()} == wanted


def test_registers_are_refused(tool, weights):
    weights.update(layer_scale(), register_tokens=torch.zeros(1, 4, DIMS))
    with pytest.raises(ValueError, match='unknown keys: register_tokens'):
        tool.convert(weights)


@pytest.mark.parametrize('fault', ['missing', 'shape', 'unknown', 'other'])
def test_other_architectures_are_refused(tool, weights, tmp_path, fault):
    key = 'blocks.1.attn.proj.weight'
    if fault == 'missing':
        del weights[key]
    elif fault == 'shape':
        weights[key] = weights[key][:, :-1]
    elif fault == 'unknown':
        key = 'blocks.1.gamma_1'
        weights[key] = torch.zeros(1)
    else:
        weights, key = {'conv1.weight': torch.zeros(2)}, 'conv1.weight'
    src, dst = tmp_path / 'source.pth', tmp_path / 'vit.pth'
    torch.save(weights, src)
    with pytest.raises(SystemExit) as error:
        tool.main([str(src), str(dst)])
    text = str(error.value)
    assert key in text and str(src) in text and '\n' not in text
    assert 'not the weights of' in text and not dst.exists()
