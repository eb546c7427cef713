"""UniMatch's and UniMatch V2's configs hold the authors' settings for VOC."""

import re
from pathlib import Path

import pytest
from mmengine.config import Config

import mmseg_labelfree  # noqa: F401

ROOT = Path(__file__).parents[2] / 'configs'
FIRST = sorted(ROOT.glob('unimatch/*voc-classic*.py'))
SECOND = sorted(ROOT.glob('unimatch_v2/*voc-classic*.py'))


def augmentation(cfg):
    """Crop and scale of all sources, which share them."""
    found = set()
    for source in cfg.train_dataloader.dataset.datasets:
        steps = {step.type: step for step in source.dataset.pipeline}
        scale = tuple(steps['RandomScale'].ratio_range)
        found.add((tuple(steps['RandomCrop'].crop_size), scale))
    (only,) = found
    return only


@pytest.mark.parametrize(
    ('paths', 'epochs', 'images', 'gpus', 'crop'),
    [(FIRST, 80, 8, 4, 321), (SECOND, 60, 16, 4, 518)],
    ids=['unimatch', 'unimatch_v2'],
)
def test_length_batch_and_crop(paths, epochs, images, gpus, crop):
    """Epochs of the unlabeled images, on each GPU a share of the batch."""
    assert len(paths) == (5 if epochs == 80 else 10)
    for path in paths:
        cfg = Config.fromfile(path)
        labels = int(re.search(r'classic_(\d+)', path.stem)[1])
        iterations = epochs * ((10582 - labels) // images)
        assert cfg.train_cfg.max_iters == cfg.param_scheduler[0].end == iterations
        counts = cfg.train_dataloader.sampler.source_counts
        assert counts == dict(labeled=images // gpus, unlabeled=images // gpus)
        assert cfg.train_dataloader.batch_size == 2 * images // gpus
        assert cfg.auto_scale_lr.base_batch_size == 2 * images
        assert augmentation(cfg) == ((crop, crop), (0.5, 2.0))


def test_optimizers():
    first, second = (Config.fromfile(p[0]).optim_wrapper for p in (FIRST, SECOND))
    sgd, adam = first.optimizer, second.optimizer
    assert (sgd.type, sgd.lr, sgd.momentum, sgd.weight_decay) == (
        ('SGD', 1e-3, 0.9, 1e-4)
    )
    assert (adam.type, adam.lr, tuple(adam.betas), adam.weight_decay) == (
        ('AdamW', 5e-6, (0.9, 0.999), 0.01)
    )
    heads = [w.paramwise_cfg.custom_keys.decode_head.lr_mult for w in (first, second)]
    assert heads == [10, 40]


def test_methods():
    first, second = (Config.fromfile(paths[0]) for paths in (FIRST, SECOND))
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
