"""Tiny data and a tiny protocol that the tests of several modules share."""

import copy
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

import mmseg_labelfree  # noqa: F401

ROOT = Path(__file__).parent.parent
os.environ.setdefault('OMP_NUM_THREADS', '1')
torch.set_num_threads(1)

CLASSES = ('background', 'square', 'bar', 'dot', 'frame')
COLOURS = ((60, 60, 60), (230, 40, 40), (40, 230, 40), (40, 40, 230), (230, 230, 40))


@pytest.fixture(autouse=True)
def _mmseg_scope():
    init_default_scope('mmseg')


@pytest.fixture
def train_in_two_processes():
    """Run ``tools/train.py`` with a config and a work dir in two gloo processes."""

    def train(path, work_dir) -> None:
        done = subprocess.run(
            [
                sys.executable,
                '-m',
                'torch.distributed.run',
                '--standalone',
                '--nproc_per_node=2',
                str(ROOT / 'tools/train.py'),
                str(path),
                '--work-dir',
                str(work_dir),
                '--launcher',
                'pytorch',
            ],
            env=dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1'),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    return train


def write_split(root: Path, split: str, num_images: int, seed: int) -> None:
    """Images of 32 x 32 with two or three coloured boxes, in VOC layout."""
    rng = np.random.default_rng(seed)
    for folder in ('JPEGImages', 'SegmentationClass', 'ImageSets/Segmentation'):
        (root / folder).mkdir(parents=True, exist_ok=True)
    names = []
    for index in range(num_images):
        label = np.zeros((32, 32), np.uint8)
        for value in rng.permutation(4)[: rng.integers(2, 4)] + 1:
            top, left = rng.integers(0, 20, 2)
            label[top : top + 12, left : left + 12] = value
        image = np.asarray(COLOURS, np.uint8)[label]
        image = np.clip(image + rng.normal(0, 12, image.shape), 0, 255).astype('uint8')
        names.append(f'{split}_{index:03d}')
        Image.fromarray(image).save(root / f'JPEGImages/{names[-1]}.jpg', quality=95)
        Image.fromarray(label).save(root / f'SegmentationClass/{names[-1]}.png')
    lines = '\n'.join(names) + '\n'
    (root / f'ImageSets/Segmentation/{split}.txt').write_text(lines)


@pytest.fixture(scope='session')
def boxes_root(tmp_path_factory) -> Path:
    """A data set of coloured boxes: 24 training and 6 validation images."""
    root = tmp_path_factory.mktemp('boxes')
    write_split(root, 'train', 24, seed=0)
    write_split(root, 'val', 6, seed=1)
    return root


def _dataset(root: Path, split: str, pipeline: list, **kwargs) -> dict:
    return dict(
        type='IncrementalDataset',
        task=[['square', 'bar'], ['dot'], ['frame']],
        step=0,
        cache=False,
        dataset=dict(
            type='BaseSegDataset',
            metainfo=dict(classes=CLASSES, palette=[list(c) for c in COLOURS]),
            data_root=str(root),
            ann_file=f'ImageSets/Segmentation/{split}.txt',
            data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
            pipeline=pipeline,
            **kwargs,
        ),
    )


@pytest.fixture
def boxes_config(boxes_root, tmp_path) -> Config:
    """MiB on the boxes: a small network without batch statistics, three steps."""
    load = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
    pack = [dict(type='PackSegInputs')]
    augment = [
        dict(type='RandomCrop', crop_size=(24, 24)),
        dict(type='RandomFlip', prob=0.5),
    ]
    norm_cfg = dict(type='GN', num_groups=2)
    train_dataloader = dict(
        batch_size=4,
        num_workers=0,
        sampler=dict(type='SeededInfiniteSampler', shuffle=True),
        dataset=_dataset(boxes_root, 'train', load + augment + pack),
    )
    val_dataloader = dict(
        batch_size=1,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=_dataset(boxes_root, 'val', load + pack, test_mode=True),
    )
    schedule = dict(
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=6, val_interval=6),
        param_scheduler=[dict(type='PolyLR', power=0.9, end=6, by_epoch=False)],
    )
    content = dict(
        default_scope='mmseg',
        custom_imports=dict(imports=['mmseg_labelfree'], allow_failed_imports=False),
        model=dict(
            type='IncrementalEncoderDecoder',
            data_preprocessor=dict(
                type='SegDataPreProcessor',
                mean=[100.0] * 3,
                std=[60.0] * 3,
                bgr_to_rgb=True,
                size_divisor=1,
                test_cfg=dict(size_divisor=1),
            ),
            backbone=dict(
                type='ResNetV1c',
                depth=18,
                stem_channels=8,
                base_channels=4,
                strides=(1, 1, 1, 1),
                norm_cfg=norm_cfg,
            ),
            decode_head=dict(
                type='FCNHead',
                in_channels=32,
                channels=8,
                num_convs=1,
                dropout_ratio=0.0,
                num_classes=3,
                norm_cfg=norm_cfg,
                loss_decode=dict(type='UnbiasedCrossEntropyLoss', num_old_classes=1),
            ),
            distillation=[
                dict(type='UnbiasedKnowledgeDistillationLoss', loss_weight=10.0)
            ],
            train_cfg=dict(),
            test_cfg=dict(mode='whole'),
        ),
        train_dataloader=train_dataloader,
        val_dataloader=val_dataloader,
        test_dataloader=copy.deepcopy(val_dataloader),
        val_evaluator=dict(type='GroupedIoUMetric', groups={}),
        test_evaluator=dict(type='GroupedIoUMetric', groups={}),
        optim_wrapper=dict(
            type='OptimWrapper',
            optimizer=dict(type='SGD', lr=0.05, momentum=0.9, nesterov=True),
        ),
        **schedule,
        val_cfg=dict(type='ValLoop'),
        test_cfg=dict(type='TestLoop'),
        log_processor=dict(by_epoch=False),
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=2, log_metric_by_epoch=False),
            checkpoint=dict(
                type='AtomicCheckpointHook',
                by_epoch=False,
                interval=2,
                max_keep_ckpts=1,
            ),
        ),
        custom_hooks=[dict(type='IterationSeedHook')],
        visualizer=dict(
            type='SegLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')]
        ),
        randomness=dict(seed=3),
        protocol=dict(
            type='ClassIncrementalProtocol',
            task=[['square', 'bar'], ['dot'], ['frame']],
            next_steps=dict(optim_wrapper=dict(optimizer=dict(lr=0.01))),
        ),
        work_dir=str(tmp_path / 'work'),
    )
    path = tmp_path / 'boxes.py'
    path.write_text(Config(content).pretty_text)
    return Config.fromfile(path)


@pytest.fixture
def semi(boxes_config):
    """CutMix mean teacher on the boxes: 8 labelled and 24 unlabelled images."""
    cfg = copy.deepcopy(boxes_config)
    cfg.pop('protocol')
    cfg.model.type = 'MeanTeacherEncoderDecoder'
    cfg.model.pop('distillation')
    cfg.model.update(mixing='cutmix', mixing_prob=0.5, strong_view={})
    norm_cfg = dict(type='BN')
    cfg.model.backbone.pop('norm_cfg')
    cfg.model.decode_head.pop('norm_cfg')
    cfg.model.backbone.norm_cfg = cfg.model.decode_head.norm_cfg = norm_cfg
    cfg.model.decode_head.update(num_classes=5, dropout_ratio=0.1)
    cfg.model.decode_head.pop('loss_decode')
    cfg.model.decode_head.loss_decode = dict(type='CrossEntropyLoss')
    inner = cfg.train_dataloader.dataset.dataset
    inner.serialize_data = False  # packing collects all garbage first: slow
    cfg.train_dataloader = dict(
        batch_size=4,
        num_workers=0,
        sampler=dict(
            type='MultiSourceSampler', source_counts=dict(labeled=2, unlabeled=2)
        ),
        dataset=dict(
            type='ConcatDataset',
            datasets=[
                dict(
                    type='SourceDataset',
                    source='labeled',
                    dataset=dict(inner, indices=8),
                ),
                dict(
                    type='SourceDataset',
                    source='unlabeled',
                    labeled=False,
                    dataset=inner,
                ),
            ],
        ),
    )
    for name in ('val', 'test'):
        loader = cfg[f'{name}_dataloader']
        loader.dataset = loader.dataset.dataset
        loader.dataset.serialize_data = False
        cfg[f'{name}_evaluator'] = dict(type='IoUMetric', iou_metrics=['mIoU'])
    cfg.custom_hooks = [
        dict(type='IterationSeedHook'),
        dict(type='SamplerStateHook'),
        dict(type='EMATeacherHook', momentum=0.7),
    ]
    return cfg


@pytest.fixture
def novel(boxes_config, boxes_root, tmp_path):
    """EUMS on the boxes: frame is novel, saliency maps are the objects' masks."""
    fold = dict(base=['square', 'bar', 'dot'], novel=['frame'])
    cfg = copy.deepcopy(boxes_config)
    cfg.model.type = 'NovelClassEncoderDecoder'
    cfg.model.pop('distillation')
    cfg.model.decode_head.pop('loss_decode')
    cfg.model.decode_head.loss_decode = dict(type='CrossEntropyLoss')
    cfg.model.update(ramp_up=4, ramp_by_epoch=False)
    for name, subset in (('train', 'base'), ('val', 'val'), ('test', 'val')):
        loader = cfg[f'{name}_dataloader']
        inner = dict(loader.dataset.dataset, serialize_data=False)
        loader.dataset = dict(
            type='NovelClassDataset',
            fold=fold,
            subset=subset,
            cache=False,
            dataset=inner,
        )
    load = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
    cfg.plain_pipeline = [*load, dict(type='PackSegInputs')]
    saliency = tmp_path / 'saliency'
    saliency.mkdir()
    for path in (boxes_root / 'SegmentationClass').glob('train*.png'):
        salient = np.asarray(Image.open(path)) > 0
        Image.fromarray(np.uint8(255) * salient).save(saliency / path.name)
    cfg.protocol = dict(
        type='NovelClassDiscoveryProtocol',
        fold=fold,
        num_clusters=2,
        source_counts=dict(base=2, clean=2, unclean=2),
        reassignment=dict(begin=3, by_epoch=False),
        teacher=dict(type='EMATeacherHook', momentum=0.7),
        clustering=dict(
            type='NovelClusteringJob',
            saliency=dict(type='SaliencyFolder', folder=str(saliency)),
            features=dict(size=(32, 32)),
            min_area=10,
            pca_dim=3,
            panels=0,
            scatter=None,
        ),
    )
    return cfg
