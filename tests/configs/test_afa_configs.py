"""AFA's configs hold the settings of its code, schedule included."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS
from mmengine.utils import is_list_of
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn

import mmseg_labelfree  # noqa: F401

ROOT = Path(__file__).parents[2] / 'configs/afa'


def config(name):
    return Config.fromfile(ROOT / f'{name}.py')


def rates(schedulers, base, iterations):
    """Learning rate of each iteration."""
    optimizer = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], lr=base)
    built = [PARAM_SCHEDULERS.build(dict(s, optimizer=optimizer)) for s in schedulers]
    found = []
    for _ in range(iterations):
        found.append(optimizer.param_groups[0]['lr'])
        for scheduler in built:
            scheduler.step()
    return found


def test_warmup_and_decay_are_the_authors():
    """Short: what their optimizer gives for 15 of 200 iterations (afa adcfa29)."""
    schedulers = config('mit-b1_voc').param_scheduler
    assert is_list_of(schedulers, dict)
    warmup, drop, decay = (dict(s) for s in schedulers)
    assert warmup['end'] - 1 == decay['begin'] == drop['milestones'][0] == 1500
    assert drop['gamma'] == 1 - 1500 / 20000
    warmup.update(end=16)
    drop.update(milestones=[15])
    decay.update(begin=15, end=201)
    found = rates([warmup, drop, decay], 6e-5, 200)
    expected = {
        0: 6e-11,
        1: 4.000056e-06,
        7: 2.8000032e-05,
        14: 5.6000004e-05,
        15: 5.55e-05,
        16: 5.52e-05,
        100: 3e-05,
        199: 3e-07,
    }
    assert [found[i] for i in expected] == pytest.approx([*expected.values()], rel=1e-9)


@pytest.mark.parametrize(('name', 'total'), [('voc', 20000), ('coco', 80000)])
def test_published_lengths(name, total):
    cfg = config(f'mit-b1_{name}')
    assert cfg.train_cfg.max_iters == total
    found = rates(cfg.param_scheduler, 6e-5, total)
    for i in (1500, 1501, total // 2, total - 1):
        assert found[i] == pytest.approx(6e-5 * (1 - i / total), rel=1e-9)
    assert found[1499] == pytest.approx(6e-5 * 1499 / 1500, rel=1e-6)


def test_rates_and_decay_of_the_parameters():
    cfg = config('mit-b1_voc_u2pl')
    cfg.model.memory_bank.length = 9
    cfg.model.backbone.init_cfg = None
    model = MODELS.build(cfg.model)
    groups = build_optim_wrapper(model, cfg.optim_wrapper).optimizer.param_groups
    settings = {
        id(p): (g['lr'], g['weight_decay']) for g in groups for p in g['params']
    }
    norms = {
        f'{name}.{kind}'
        for name, module in model.backbone.named_modules()
        if isinstance(module, nn.LayerNorm)
        for kind in ('weight', 'bias')
    }
    assert len(norms) == 60
    for name, parameter in model.named_parameters():
        expected = (6e-4, 0.01)
        if name.startswith('backbone.'):
            frozen = name.removeprefix('backbone.') in norms
            expected = (0, 0) if frozen else (6e-5, 0.01)
        assert settings[id(parameter)] == pytest.approx(expected), name


@pytest.mark.parametrize('name', ['mit-b1_voc', 'deeplabv3_mobilenetv2_vocreal'])
def test_methods_differ_in_their_own_parts_alone(name):
    whole = config(f'{name}_u2pl')
    plain, cam = config(name), config(f'{name}_cam')
    for key in ('optim_wrapper', 'train_cfg', 'param_scheduler', 'train_dataloader'):
        assert whole[key] == plain[key] == cam[key]
    model = dict(whole.model)
    for key in ('representation_head', 'memory_bank', 'contrastive_loss'):
        model.pop(key)
    assert dict(model, type='ImageLevelEncoderDecoder') == plain.model
    assert cam.model.classifier_iters >= cam.train_cfg.max_iters
    assert whole.custom_hooks[-1] == dict(type='PrototypeMemoryBankHook')
    classes = whole.model.decode_head.num_classes - 1
    assert whole.model.image_head.num_classes == classes
    assert whole.model.memory_bank.num_classes == classes


@pytest.mark.slow
@pytest.mark.parametrize('iteration', [0, 2000, 6000])
def test_step_of_the_published_network_on_random_weights(iteration):
    torch.manual_seed(0)
    cfg = config('mit-b1_voc_u2pl').model
    cfg.memory_bank.length = 300
    cfg.backbone.init_cfg = None
    model = revert_sync_batchnorm(MODELS.build(cfg)).train()
    MessageHub.get_current_instance().update_info('iter', iteration)
    images = 255 * torch.rand(2, 3, 96, 96)
    metainfo = dict(image_labels=np.arange(20) < 2, box=(0, 96, 8, 96))
    data = dict(inputs=[*images], data_samples=[SegDataSample(metainfo=metainfo)] * 2)
    losses = model(**model.data_preprocessor(data, True), mode='loss')
    loss, _ = model.parse_losses(losses)
    loss.backward()
    assert ('affinity.loss_affinity' in losses) == (iteration > 0)
    for name, parameter in model.named_parameters():
        gradient = parameter.grad
        assert gradient is not None and torch.isfinite(gradient).all(), name


@pytest.mark.parametrize('name', ['mit-b1_voc', 'mit-b1_voc_full', 'mit-b1_coco'])
def test_photographs_are_scaled_by_their_own_size(name):
    pipeline = config(name).train_dataloader.dataset.dataset.pipeline
    (scale,) = [step for step in pipeline if 'ratio_range' in step]
    assert scale == dict(type='RandomScale', ratio_range=(0.5, 2.0))
