"""The configs of UniMatch and UniMatch V2 hold the settings of the authors' code."""

import re
from pathlib import Path

import pytest
from mmengine.config import Config

import mmseg_labelfree  # noqa: F401

ROOT = Path(__file__).parents[2] / 'configs'
PARTITIONS = [
    path
    for path in sorted(ROOT.glob('unimatch*/*.py'))
    if 'voc-classic' in path.stem or 'cityscapes' in path.stem
]
# Method, data: training images, epochs, unlabeled images an iteration, crop, rate,
# factor of the head, least confidence.
SETTINGS = {
    ('unimatch', 'voc'): (10582, 80, 8, 321, 0.001, 10, 0.95),
    ('unimatch', 'cityscapes'): (2975, 240, 8, 801, 0.005, 1, 0),
    ('unimatch_v2', 'voc'): (10582, 60, 16, 518, 5e-6, 40, 0.95),
    ('unimatch_v2', 'cityscapes'): (2975, 180, 8, 798, 5e-6, 40, 0.95),
}


def config(path):
    """A config, and the settings of the authors."""
    data = 'cityscapes' if 'cityscapes' in path.stem else 'voc'
    return Config.fromfile(path), SETTINGS[path.parent.name, data]


@pytest.mark.parametrize('path', PARTITIONS, ids=lambda p: f'{p.parent.name}-{p.stem}')
def test_length_follows_from_the_partition(path):
    cfg, (images, epochs, batch, *_) = config(path)
    partition, labels = re.search(r'((?:classic_)?(\d+))$', path.stem).groups()
    length = epochs * ((images - int(labels)) // batch)
    assert cfg.train_cfg.max_iters == cfg.param_scheduler[0].end == length
    for source in cfg.train_dataloader.dataset.datasets:
        list_of = source.dataset.ann_file.split('/')[-2:]
        assert list_of == [partition, f'{source.source}.txt']
    counts = cfg.train_dataloader.sampler.source_counts
    assert counts.labeled == counts.unlabeled
    assert cfg.train_dataloader.batch_size == 2 * counts.labeled == batch // 2
    assert cfg.auto_scale_lr.base_batch_size == 4 * cfg.train_dataloader.batch_size


@pytest.mark.parametrize('path', PARTITIONS, ids=lambda p: f'{p.parent.name}-{p.stem}')
def test_training_of_the_authors(path):
    cfg, (_, _, _, crop, rate, factor, threshold) = config(path)
    assert cfg.model.threshold == threshold
    assert cfg.optim_wrapper.optimizer.lr == rate
    factors = cfg.optim_wrapper.paramwise_cfg.get('custom_keys', {})
    assert factors.get('decode_head', dict(lr_mult=1))['lr_mult'] == factor
    for source in cfg.train_dataloader.dataset.datasets:
        scale, pad, cut = source.dataset.pipeline[2:5]
        assert scale == dict(type='RandomScale', ratio_range=(0.5, 2.0))
        assert pad.size == cut.crop_size == (crop, crop)
        assert pad.pad_val == dict(img=0, seg=255)
    size = cfg.model.data_preprocessor.get('size')
    assert size in (None, (crop, crop))
    assert cfg.model.decode_head.loss_decode.loss_weight == 0.5
    own = path.parent.name == 'unimatch'
    assert own is (cfg.val_cfg.type == 'ValLoop')
    assert own is ('EMATeacherHook' not in {hook.type for hook in cfg.custom_hooks})
    assert cfg.model.unlabeled_weight == (0.25 if own else 0.5)


@pytest.mark.parametrize('path', sorted(ROOT.glob('unimatch*/*_cityscapes_186.py')))
def test_hard_pixels_and_windows_of_cityscapes(path):
    cfg, (_, _, _, crop, *_) = config(path)
    head = cfg.model.decode_head
    hard = dict(type='HardPixelSampler', thresh=0.7, min_kept=200000)
    assert head.num_classes == 19 and head.sampler == hard
    assert not head.loss_decode.avg_non_ignore
    side = crop * 2 // 3
    windows = dict(mode='slide', crop_size=(crop, crop), stride=(side, side))
    assert cfg.model.test_cfg == windows
    assert [t.type for t in cfg.test_dataloader.dataset.pipeline] == [
        'LoadImageFromFile',
        'LoadAnnotations',
        'PackSegInputs',
    ]


def test_methods():
    first, second = (
        Config.fromfile(next(ROOT.glob(f'{method}/*voc-classic*.py')))
        for method in ('unimatch', 'unimatch_v2')
    )
    for cfg in (first, second):
        model, view = cfg.model, cfg.model.strong_view
        assert (model.threshold, model.mixing_prob) == (0.95, 0.5)
        assert tuple(model.mixing_area) == (0.02, 0.4)
        jitter = view.brightness, view.contrast, view.saturation, view.hue
        assert jitter == (0.5, 0.5, 0.5, 0.25)
        assert (view.jitter_prob, view.grayscale_prob, view.blur_prob) == (
            (0.8, 0.2, 0.5)
        )
        assert tuple(view.blur_sigma) == (0.1, 2.0)
        assert model.decode_head.loss_decode.loss_weight == 0.5
    model = first.model
    assert (model.unlabeled_weight, model.feature_weight) == (0.25, 1.0)
    assert model.feature_dropout == 0.5
    assert second.model.unlabeled_weight == second.model.untouched == 0.5
    (teacher,) = [h for h in second.custom_hooks if h.type == 'EMATeacherHook']
    assert (teacher.momentum, teacher.buffers) == (0.996, 'ema')
    assert 'EMATeacherHook' not in [h.type for h in first.custom_hooks]
