"""The published ViT-S/8 path, from DINO's tensors to gradients, on random weights."""

import importlib
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

ROOT = Path(__file__).parents[3]
DIMS, SIDE = 384, 32  # a crop of 4 x 4 patches


@pytest.fixture(scope='module')
def data_folder(tmp_path_factory):
    """A data folder with weights under DINO's names, converted."""
    generator = torch.Generator().manual_seed(0)
    state = {}

    def draw(name, *shape):
        state[name] = 0.05 * torch.randn(*shape, generator=generator)

    draw('cls_token', 1, 1, DIMS)
    draw('pos_embed', 1, 28 * 28 + 1, DIMS)
    for name, shape in {
        'patch_embed.proj': (DIMS, 3, 8, 8),
        'norm': (DIMS,),
        **{
            f'blocks.{i}.{name}': shape
            for i in range(12)
            for name, shape in {
                'norm1': (DIMS,),
                'norm2': (DIMS,),
                'attn.qkv': (3 * DIMS, DIMS),
                'attn.proj': (DIMS, DIMS),
                'mlp.fc1': (4 * DIMS, DIMS),
                'mlp.fc2': (DIMS, 4 * DIMS),
            }.items()
        },
    }.items():
        draw(f'{name}.weight', *shape)
        draw(f'{name}.bias', shape[0])
    folder = tmp_path_factory.mktemp('data')
    torch.save(state, folder / 'dino.pth')
    sys.path.insert(0, str(ROOT / 'tools/model_converters'))
    tool = importlib.import_module('vit_to_mmpretrain')
    tool.main([str(folder / 'dino.pth'), str(folder / 'weights/dino_vits8.pth')])
    sys.path.remove(str(ROOT / 'tools/model_converters'))
    return folder, state


def batch(num=4):
    generator = torch.Generator().manual_seed(1)
    overlap = ((0, 0, SIDE, SIDE), (0, 0, SIDE, SIDE))
    samples = []
    for _ in range(num):
        labels = torch.randint(0, 27, (1, 2 * SIDE, SIDE), generator=generator)
        sample = SegDataSample(metainfo=dict(crop_overlap=overlap))
        sample.gt_sem_seg = PixelData(data=labels)
        samples.append(sample)
    return torch.randn(num, 3, 2 * SIDE, SIDE, generator=generator), samples


@pytest.mark.parametrize('mode', ['', '_e2e'])
def test_config_trains_head_or_head_and_backbone(data_folder, monkeypatch, mode):
    folder, state = data_folder
    monkeypatch.setenv('LABELFREE_DATA', str(folder))
    cfg = Config.fromfile(ROOT / f'configs/iddc/vits8_cocostuff27{mode}.py')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    weight = model.backbone.layers[11].ffn.layers[1].weight
    assert torch.equal(weight, state['blocks.11.mlp.fc2.weight'])
    model.train()
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper).optimizer
    rates = {
        name: group['lr']
        for group in optimizer.param_groups
        for name, parameter in model.named_parameters()
        if any(parameter is p for p in group['params'])
    }
    assert rates['decode_head.conv_seg.weight'] == 5e-4
    assert rates['auxiliary_head.conv_seg.weight'] == 1e-3
    if mode:
        assert rates['backbone.layers.0.attn.qkv.weight'] == pytest.approx(5e-7)
        model.freeze_backbone(False)
    losses = model.loss(*batch())
    assert losses.keys() >= {
        'clusters.loss_positive',
        'clusters.loss_negative',
        'clusters.loss_weibull',
        'probe.loss_ce',
    }
    total, _ = model.parse_losses(losses)
    total.backward()
    optimizer.step()
    assert torch.equal(weight, state['blocks.11.mlp.fc2.weight']) is not bool(mode)
    assert model.decode_head.conv_seg.weight.grad.abs().sum() > 0
    assert not any(m.training for m in model.backbone.modules())


def test_windows_of_the_published_size(data_folder, monkeypatch):
    monkeypatch.setenv('LABELFREE_DATA', str(data_folder[0]))
    cfg = Config.fromfile(ROOT / 'configs/iddc/vits8_cocostuff27.py')
    model = MODELS.build(cfg.model).eval()
    seen = []
    model.backbone.register_forward_pre_hook(lambda _, x: seen.append(x[0].shape))
    monkeypatch.setattr(  # the transformer itself takes seconds
        model.backbone,
        'forward',
        lambda x: (torch.nn.functional.avg_pool2d(x, 8).repeat(1, 128, 1, 1),),
    )
    meta = dict(ori_shape=(240, 380), img_shape=(240, 380), pad_shape=(240, 380))
    (found,) = model.predict(
        torch.randn(1, 3, 240, 380), [SegDataSample(metainfo=meta)]
    )
    assert found.pred_sem_seg.shape == found.probe_sem_seg.shape == (240, 380)
    # Two rows and three columns of windows with an overlap of 75 or more, each twice.
    assert seen == [(1, 3, 224, 224)] * 12
