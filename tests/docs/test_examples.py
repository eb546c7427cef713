"""The examples of the README and the pages: each is built as it stands there."""

import doctest
import re
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
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


@pytest.mark.slow
@pytest.mark.parametrize('text', EXAMPLES[:2])
def test_example_of_the_readme_trains(text, voc, tmp_path):
    cfg = read(text, tmp_path)
    cfg.model.backbone.update(base_channels=8, norm_cfg=dict(type='BN'))
    for head, channels in (('decode_head', 256), ('auxiliary_head', 128)):
        cfg.model[head].update(
            in_channels=channels, channels=8, norm_cfg=dict(type='BN')
        )
    cfg.model.data_preprocessor.size = (32, 32)
    cfg.model.warmup_iters = 1
    if cfg.model.type == 'EncoderDecoder':
        cfg.model.pop('warmup_iters')
    for dataset in cfg.train_dataloader.dataset.datasets:
        inner = dataset.get('dataset', dataset)
        inner.pipeline = [*inner.pipeline[:2], dict(type='PackSegInputs')]
    cfg.train_dataloader.update(num_workers=0, persistent_workers=False)
    cfg.train_cfg.max_iters = 3
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.test_cfg = cfg.test_dataloader = cfg.test_evaluator = None
    cfg.work_dir = str(tmp_path / 'work')
    runner = Runner.from_cfg(cfg)
    runner.train()
    logged = {name for name in runner.message_hub.log_scalars if 'loss' in name}
    expected = 'unlabeled.loss_ce' if 'EMATeacherHook' in text else 'decode.loss_sce'
    assert f'train/{expected}' in logged


@pytest.mark.parametrize('page', sorted(ROOT.glob('docs/*.md')), ids=lambda p: p.stem)
def test_pages_say_what_python_answers(page):
    assert doctest.testfile(str(page), module_relative=False).failed == 0


def test_the_pages_have_examples_and_doctests():
    assert len(EXAMPLES) >= 16
    assert '>>> ' in (ROOT / 'docs/mixing_in.md').read_text()
