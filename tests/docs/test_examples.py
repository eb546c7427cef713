"""The examples of the README and the pages: each is built as it stands there."""

import doctest
import json
import re
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmseg.registry import (
    DATA_SAMPLERS,
    DATASETS,
    HOOKS,
    LOOPS,
    METRICS,
    MODELS,
    TASK_UTILS,
)

from mmseg_labelfree.engine.protocols import ProtocolRunner

ROOT = Path(__file__).parents[2]
EXAMPLE = re.compile(r'^```python\n(_base_ = .*?)^```$', re.MULTILINE | re.DOTALL)
PAGES = (
    'README.md',
    'docs/mixing_in.md',
    'configs/plop/README.md',
    'configs/ssul/README.md',
)
EXAMPLES = [
    pytest.param(text, id=f'{page}-{index}')
    for page in PAGES
    for index, text in enumerate(EXAMPLE.findall((ROOT / page).read_text()))
]


@pytest.fixture
def voc(boxes_root, tmp_path, monkeypatch):
    """The boxes as VOC 2012 with SBD's masks, where stock configs look for it."""
    root = tmp_path / 'data/VOCdevkit/VOC2012'
    (root / 'ImageSets').mkdir(parents=True)
    (root / 'JPEGImages').symlink_to(boxes_root / 'JPEGImages')
    for name in ('SegmentationClass', 'SegmentationClassAug'):
        (root / name).symlink_to(boxes_root / 'SegmentationClass')
    lists = root / 'ImageSets/Segmentation'
    lists.mkdir()
    train = (boxes_root / 'ImageSets/Segmentation/train.txt').read_text().split()
    val = (boxes_root / 'ImageSets/Segmentation/val.txt').read_text()
    (lists / 'train.txt').write_text('\n'.join(train[:8]))
    (lists / 'aug.txt').write_text('\n'.join(train[8:]))
    (lists / 'val.txt').write_text(val)
    names, columns = train[8:], np.eye(20, dtype=np.float32)
    rows = {name: columns[i :: len(names)].sum(0) for i, name in enumerate(names)}
    np.save(root / 'ImageSets/cls_labels_onehot.npy', rows)
    monkeypatch.setenv('LABELFREE_DATA', str(tmp_path / 'data'))
    monkeypatch.setenv('LABELFREE_CACHE', str(tmp_path / 'cache'))
    monkeypatch.chdir(tmp_path)
    return root


def read(text, folder):
    """The config of an example, with a narrow network that starts at random."""
    path = folder / 'example.py'
    path.write_text(text)
    cfg = Config.fromfile(path)
    cfg.model.pretrained = None
    cfg.model.backbone.init_cfg = None
    init_default_scope('mmseg')
    return cfg


@pytest.mark.parametrize('text', EXAMPLES)
def test_example_builds(text, voc, tmp_path):
    cfg = read(text, tmp_path)
    model = MODELS.build(cfg.model)
    assert build_optim_wrapper(model, cfg.optim_wrapper).optimizer.param_groups
    for hook in [*cfg.get('custom_hooks', []), cfg.default_hooks.checkpoint]:
        HOOKS.build(hook)
    METRICS.build(cfg.val_evaluator)
    assert LOOPS.get(cfg.val_cfg.type) is not None
    if 'VOC' in cfg.data_root:
        dataset = DATASETS.build(cfg.train_dataloader.dataset)
        sampler = dict(cfg.train_dataloader.sampler, dataset=dataset, seed=0)
        sample = dataset[next(iter(DATA_SAMPLERS.build(sampler)))]
        size, found = sample['inputs'].shape[1:], sample['data_samples']
        if 'image_labels' in found:
            assert found.image_labels.any() and found.img_shape == size
        else:
            assert found.gt_sem_seg.shape == size
    if 'protocol' in cfg:
        cfg.work_dir = str(tmp_path / 'work')
        stages = ProtocolRunner(cfg).stages
        assert [stage.name for stage in stages] == ['step_0', 'step_1']
        assert MODELS.build(stages[1].cfg.model).decode_head.num_classes == 21
    if 'job' in cfg:
        TASK_UTILS.build(cfg.job)


def shrink(settings):
    """Let images and crops, which are of 512 pixels and more, be small."""
    for key, value in settings.items():
        parts = value if isinstance(value, list) else [value]
        if key in ('crop_size', 'size', 'scale'):
            settings[key] = tuple(min(side // 8, 128) for side in value)
        for part in parts:
            if isinstance(part, dict):
                shrink(part)


@pytest.mark.slow
@pytest.mark.parametrize('text', EXAMPLES)
def test_example_trains(text, voc, tmp_path):
    task = "[['aeroplane', 'bicycle', 'bird'], ['boat']]"  # what the boxes show
    cfg = read(text.replace("'voc_15-5'", task), tmp_path)
    if 'VOC' not in cfg.data_root or 'job' in cfg:
        pytest.skip('needs other images, or a checkpoint')
    shrink(cfg.train_dataloader)
    shrink(cfg.val_dataloader)
    shrink(cfg.model.data_preprocessor)
    cfg.model.backbone.norm_cfg = dict(type='BN')
    for head in (cfg.model.decode_head, cfg.model.get('auxiliary_head') or {}):
        if 'norm_cfg' in head:
            head['norm_cfg'] = dict(type='BN')
    for kind in ('train', 'val', 'test'):
        cfg[f'{kind}_dataloader'].update(num_workers=0, persistent_workers=False)
    if 'warmup_iters' in cfg.model:
        cfg.model.warmup_iters = 1
    cfg.train_cfg.update(max_iters=3, val_interval=3)
    cfg.default_hooks.logger.interval = 1
    cfg.work_dir = str(tmp_path / 'work')
    ProtocolRunner(cfg).run()
    (log, *_) = (tmp_path / 'work').rglob('scalars.json')
    lines = [json.loads(line) for line in log.open()]
    losses = [line['loss'] for line in lines if 'loss' in line]
    assert len(losses) == 3 and np.isfinite(losses).all()
    if 'MultiSourceSampler' in text:
        assert 'unlabeled.loss_ce' in log.read_text()
    if 'SymmetricCrossEntropyLoss' in text:
        assert 'decode.loss_sce' in log.read_text()


@pytest.mark.parametrize('page', sorted(ROOT.glob('docs/*.md')), ids=lambda p: p.stem)
def test_pages_say_what_python_answers(page):
    assert doctest.testfile(str(page), module_relative=False).failed == 0


def test_the_pages_have_examples_and_doctests():
    assert len(EXAMPLES) >= 16
    assert '>>> ' in (ROOT / 'docs/mixing_in.md').read_text()
