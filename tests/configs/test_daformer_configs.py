"""DAFormer's configs hold the code's settings; what is compared leaves out or adds."""

import copy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.structures import PixelData
from mmseg.registry import MODELS, PARAM_SCHEDULERS
from mmseg.structures import SegDataSample

from mmseg_labelfree.models.teachers import copy_student

ROOT = Path(__file__).parents[2] / 'configs/daformer'
DOMAINS = ('gta', 'synthia')


def config(domain, row=''):
    return Config.fromfile(ROOT / f'daformer_mit-b5_{domain}2cityscapes{row}.py')


def shrunk(cfg):
    """The model of a config with a small encoder."""
    cfg.model.backbone.update(embed_dims=8, num_layers=[1, 1, 1, 1], init_cfg=None)
    cfg.model.decode_head.in_channels = [8, 16, 40, 64]
    if 'memory_bank' in cfg.model:
        cfg.model.memory_bank.update(length=10, background_length=10)
    return MODELS.build(cfg.model)


@pytest.mark.parametrize('domain', DOMAINS)
def test_rates_of_the_authors_schedule(domain):
    """Base x (1 - t / 40000) x warm-up, ten times in heads; no decay of LayerNorms."""
    cfg = config(domain, '_u2pl')
    model = shrunk(cfg)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    groups = wrapper.optimizer.param_groups
    names = {id(p): name for name, p in model.named_parameters()}
    norms = {
        f'{name}.{kind}'
        for name, module in model.backbone.named_modules()
        if isinstance(module, torch.nn.LayerNorm)
        for kind in ('weight', 'bias')
    }
    for group in groups:
        (name,) = (names[id(p)] for p in group['params'])
        head = name.startswith(('decode_head.', 'representation_head.'))
        assert head != name.startswith('backbone.')
        assert group['lr'] == pytest.approx(6e-4 if head else 6e-5)
        free = name.removeprefix('backbone.') in norms and not head
        assert group['weight_decay'] == (0 if free else 0.01), name
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=6e-5)
    schedulers = [
        PARAM_SCHEDULERS.build(dict(s), default_args=dict(optimizer=optimizer))
        for s in cfg.param_scheduler
    ]
    for t in range(1600):
        warm = min(1.0, 1e-6 + (1 - 1e-6) * t / 1500)
        expected = 6e-5 * (1 - t / 40000) * warm
        rate = optimizer.param_groups[0]['lr']
        assert rate == pytest.approx(expected, rel=2e-3, abs=1e-10), t
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()


@pytest.mark.parametrize('domain', DOMAINS)
def test_methods_leave_out_or_add(domain):
    whole = config(domain)
    for row, left in (
        ('_source-only', None),
        ('_source-only_jitter', None),
        ('_oracle', None),
        ('_selftraining', {'feature_distance'}),
    ):
        cfg = config(domain, row)
        for key in ('optim_wrapper', 'train_cfg', 'param_scheduler', 'val_dataloader'):
            assert cfg[key] == whole[key]
        if left is None:
            assert cfg.model.type == 'EncoderDecoder'
            assert cfg.train_dataloader.batch_size == 2
            assert not any('Teacher' in hook.type for hook in cfg.custom_hooks)
        else:
            assert whole.model.keys() - cfg.model.keys() == left
            assert cfg.train_dataloader.sampler.rare_class_sampling is None
            (hook,) = (h for h in cfg.custom_hooks if h.type == 'EMATeacherHook')
            assert hook.momentum == 0.99
    mic, u2pl = config(domain, '_mic'), config(domain, '_u2pl')
    assert mic.model.keys() - whole.model.keys() == {'masked_view'}
    assert mic.custom_hooks == whole.custom_hooks
    assert u2pl.custom_hooks[:-1] == whole.custom_hooks
    same = whole.model.keys() - {'type'}
    assert all(u2pl.model[key] == whole.model[key] for key in same)
    counts = whole.train_dataloader.sampler.source_counts
    assert dict(counts) == dict(source=2, target=2)
    model = shrunk(u2pl)
    assert model.labeled_sources == ('source',)
    assert model.memory_bank.num_classes == model.num_classes == 19


def test_sepico_of_its_code():
    """DAFormer without feature distance, on larger crops, with the contrast."""
    daformer, cfg = config('gta'), config('gta', '_sepico')
    assert daformer.model.keys() - cfg.model.keys() == {'feature_distance'}
    for key in ('optim_wrapper', 'train_cfg', 'param_scheduler'):
        assert cfg[key] == daformer[key]
    assert cfg.custom_hooks[:-1] == daformer.custom_hooks
    (crop,) = (
        step
        for step in cfg.train_dataloader.dataset.datasets[0].dataset.pipeline
        if step.type == 'RareClassCrop'
    )
    assert tuple(crop.crop_size) == tuple(cfg.model.target_crop.size) == (640, 640)
    assert crop.cat_max_ratio == cfg.model.target_crop.max_share == 0.75
    torch.manual_seed(0)
    cfg.model.representation_head.in_channels = [8, 16, 40, 64]
    cfg.model.update(target_crop=dict(size=(64, 64)), contrast_start=0)
    cfg.model.ignore_rows = (2, 15)
    model = shrunk(cfg).train()
    model.set_teacher(copy_student(model, model.not_in_teacher))
    whole = torch.randint(0, 256, (3, 64, 128), dtype=torch.uint8)
    images, data = [whole[:, :, :64], whole], []
    for image, source in zip(images, ('source', 'target'), strict=True):
        sample = SegDataSample(
            gt_sem_seg=PixelData(data=torch.zeros(1, *image.shape[1:]).long())
        )
        sample.set_metainfo(dict(source=source, img_shape=tuple(image.shape[1:])))
        data.append(sample)
    model.data_preprocessor.size = (64, 128)
    losses = model(
        **model.data_preprocessor(dict(inputs=images, data_samples=data), True),
        mode='loss',
    )
    total, _ = model.parse_losses(losses)
    assert torch.isfinite(total) and losses['source.loss_contrast'] != 0


ROWS = {
    '_u2pl_labeled': {'labeled'},
    '_u2pl_surest': {'surest'},
    '_u2pl_unreliable': {'unreliable'},
    '_u2pl_labeled-surest': {'labeled', 'surest'},
    '_u2pl': {'labeled', 'unreliable'},
    '_u2pl_all': {'labeled', 'surest', 'unreliable'},
}


@pytest.mark.parametrize('domain', DOMAINS)
def test_rows_of_table_12(domain):
    models = {row: config(domain, row).model for row in ROWS}
    for row, kinds in ROWS.items():
        assert set(models[row].pop('negatives')) == kinds
    assert all(model == models['_u2pl'] for model in models.values())


@pytest.mark.slow
def test_a_step_of_the_whole_network():
    """MiT-B5, head, feature distance, mixing and contrast on random weights."""
    cfg = config('gta', '_u2pl')
    cfg.model.backbone.init_cfg = None
    cfg.model.memory_bank.update(length=50, background_length=50)
    cfg.model.update(ignore_rows=(2, 15))
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).train()
    assert sum(p.numel() for p in model.backbone.parameters()) == 81_443_008
    model.feature_distance.set_encoder(copy.deepcopy(model.backbone))
    model.set_teacher(copy_student(model, model.not_in_teacher))
    with torch.no_grad():
        for p in model.feature_distance.encoder.parameters():
            p += 0.01
    data = []
    for index, source in enumerate(('source', 'source', 'target', 'target')):
        label = torch.full((1, 64, 64), 255 if source == 'target' else 11)
        label[:, :, :32] = 255 if source == 'target' else index
        sample = SegDataSample(gt_sem_seg=PixelData(data=label))
        sample.set_metainfo(dict(source=source))
        data.append(sample)
    losses = model.loss(torch.randn(4, 3, 64, 64), data)
    total, _ = model.parse_losses(losses)
    total.backward()
    assert torch.isfinite(total)
    assert losses['features.loss_feature_distance'] > 0
    for name, p in model.named_parameters():
        assert p.grad is not None and torch.isfinite(p.grad).all(), name
