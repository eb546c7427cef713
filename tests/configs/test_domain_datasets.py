"""Data parts of domain adaptation: what section 4.2 and DAFormer's code fix."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.runner import Runner
from mmseg.datasets import CityscapesDataset
from mmseg.registry import METRICS
from PIL import Image

import mmseg_labelfree  # noqa: F401

ROOT = Path(__file__).parents[2] / 'configs/_base_/datasets'
PARTS = (
    'gta2cityscapes',
    'synthia2cityscapes',
    'camvid_day2night',
    'demo_voc_plain2dusk',
)


def part(name):
    return Config.fromfile(ROOT / f'{name}.py')


def sizes(pipeline, shape):
    """Sizes of an image of some shape after each transform that changes it."""
    label = np.tile(np.arange(shape[1], dtype=np.uint8) // 8 % 19, (shape[0], 1))
    results = dict(
        img=np.zeros((*shape, 3), np.uint8), gt_seg_map=label, img_path='street.png'
    )
    results.update(seg_fields=['gt_seg_map'], ori_shape=shape, img_shape=shape)
    found = [shape]
    for transform in Compose(pipeline).transforms:
        name = type(transform).__name__
        if name.startswith(('Resize', 'Random', 'RareClass')):
            results = transform(results)
            if found[-1] != results['img'].shape[:2]:
                found.append(results['img'].shape[:2])
                assert results['gt_seg_map'].shape == found[-1]
    return found


@pytest.mark.parametrize(
    ('name', 'shape', 'resized'),
    [
        ('gta2cityscapes', (1052, 1914), (704, 1280)),
        ('synthia2cityscapes', (760, 1280), None),
    ],
)
def test_sizes_of_the_code(name, shape, resized):
    cfg = part(name)
    source, target = cfg.train_dataloader.dataset.datasets
    expected = [shape, *([resized] if resized else []), (512, 512)]
    assert sizes(source.dataset.pipeline, shape) == expected
    full = (1024, 2048)
    assert sizes(target.dataset.pipeline, full) == [full, (512, 1024), (512, 512)]
    assert sizes(cfg.test_pipeline, full) == [full, (512, 1024)]
    (crop,) = [t for t in source.dataset.pipeline if t.type == 'RareClassCrop']
    assert (crop.cat_max_ratio, crop.min_pixels) == (0.75, 1500)
    sampler = cfg.train_dataloader.sampler
    assert sampler.source_counts == dict(source=2, target=2)
    assert sampler.rare_class_sampling == dict(
        source=dict(temperature=0.01, min_pixels=3000)
    )


def test_groups_of_synthia():
    metric = METRICS.build(part('synthia2cityscapes').val_evaluator)
    classes = CityscapesDataset.METAINFO['classes']
    missing = {
        group: {i for i, c in enumerate(classes) if c not in members}
        for group, members in metric.groups.items()
    }
    assert missing == {'16': {9, 14, 16}, '13': {9, 14, 16, 3, 4, 5}}
    assert all(len(set(m)) == int(g) for g, m in metric.groups.items())


@pytest.mark.parametrize('name', PARTS)
def test_loaders_of_comparisons_hold_one_domain_with_labels(name):
    cfg = part(name)
    source, target = cfg.train_dataloader.dataset.datasets
    assert (source.source, target.source) == ('source', 'target')
    assert source.get('labeled', True) and not target.labeled
    assert cfg.source_only.dataset.dataset == source.dataset
    assert cfg.oracle.dataset.dataset == target.dataset
    assert cfg.oracle.dataset.get('labeled', True)
    recolored = cfg.recolored_source_only.dataset.dataset
    more = [t for t in recolored.pipeline if t not in source.dataset.pipeline]
    assert [t.type for t in more] == ['PhotoMetricDistortion']
    half = cfg.train_dataloader.batch_size // 2
    for loader in (cfg.source_only, cfg.recolored_source_only, cfg.oracle):
        assert loader.batch_size == half
        assert loader.sampler.type == 'SeededInfiniteSampler'
    assert cfg.val_dataloader.dataset.type == target.dataset.type
    assert cfg.test_dataloader == cfg.val_dataloader


def test_camvid_by_day_and_at_night_share_no_image():
    cfg = part('camvid_day2night')
    source, target = (d.dataset for d in cfg.train_dataloader.dataset.datasets)
    assert sorted(source.indices + target.indices) == list(range(367))
    shifts = [
        [t for t in dataset.pipeline if t.type == 'AppearanceShift']
        for dataset in (source, target, cfg.val_dataloader.dataset)
    ]
    assert shifts[0] == [] and shifts[1] == shifts[2] and len(shifts[1]) == 1


def test_demo_domains_differ_in_style_and_seed():
    cfg = part('demo_voc_plain2dusk')
    source, target = (d.dataset for d in cfg.train_dataloader.dataset.datasets)
    val = cfg.val_dataloader.dataset
    assert 'style' not in source and target.style == val.style == 'dusk'
    assert target.seed == val.seed != source.get('seed', 0)
    assert target.data_root == val.data_root != source.data_root


def write(root, kind, image, labels=None):
    """One image of a dataset, of blocks of its labels' colors."""
    images, masks, suffix = {
        'gta': ('images', 'labels', '.png'),
        'synthia': ('RGB', 'GT/LABELS', '.png'),
        'cityscapes': ('leftImg8bit/train/ulm', None, '_leftImg8bit.png'),
    }[kind]
    (root / kind / images).mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(root / kind / images / f'a{suffix}'), image)
    if kind == 'gta':
        mask = Image.fromarray(labels)
        mask.putpalette(bytes(range(256)) * 3)
        (root / kind / masks).mkdir(parents=True)
        mask.save(root / kind / masks / 'a.png')
    elif kind == 'synthia':
        (root / kind / masks).mkdir(parents=True)
        red = labels.astype(np.uint16)
        cv2.imwrite(
            str(root / kind / masks / 'a.png'), np.stack([0 * red, 0 * red, red], 2)
        )


@pytest.mark.parametrize(
    ('kind', 'shape', 'road_car'),
    [('gta', (1052, 1914), (7, 26)), ('synthia', (760, 1280), (3, 8))],
)
def test_batches_of_the_original_files(kind, shape, road_car, tmp_path, monkeypatch):
    monkeypatch.setenv('LABELFREE_DATA', str(tmp_path))
    monkeypatch.setenv('LABELFREE_CACHE', str(tmp_path / 'cache'))
    labels = np.full(shape, road_car[0], np.uint8)
    labels[300:700, 400:1000] = road_car[1]
    write(tmp_path, kind, np.zeros((*shape, 3), np.uint8), labels)
    write(tmp_path, 'cityscapes', np.zeros((1024, 2048, 3), np.uint8))
    cfg = part(f'{kind}2cityscapes')
    cfg.train_dataloader.update(num_workers=0, persistent_workers=False)
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    batch = next(iter(loader))
    assert [image.shape for image in batch['inputs']] == [(3, 512, 512)] * 4
    samples = batch['data_samples']
    sources = [sample.metainfo['source'] for sample in samples]
    assert sources == ['source', 'source', 'target', 'target']
    for sample in samples[:2]:
        values = sample.gt_sem_seg.data
        assert set(values.unique().tolist()) == {0, 13}
        assert 1500 < (values == 13).sum() < 0.75 * values.numel()
    assert all((sample.gt_sem_seg.data == 255).all() for sample in samples[2:])


def test_whole_targets_beside_crops_of_the_source(tmp_path, monkeypatch):
    """SePiCo's: the model crops the target, of which the teacher's labels decide."""
    monkeypatch.setenv('LABELFREE_DATA', str(tmp_path))
    monkeypatch.setenv('LABELFREE_CACHE', str(tmp_path / 'cache'))
    labels = np.full((1052, 1914), 7, np.uint8)
    labels[300:700, 400:1400] = 26
    write(tmp_path, 'gta', np.zeros((1052, 1914, 3), np.uint8), labels)
    write(tmp_path, 'cityscapes', np.zeros((1024, 2048, 3), np.uint8))
    cfg = part('gta2cityscapes_640x640')
    cfg.train_dataloader.update(num_workers=0, persistent_workers=False)
    batch = next(iter(Runner.build_dataloader(cfg.train_dataloader, seed=0)))
    sizes = [tuple(image.shape[1:]) for image in batch['inputs']]
    assert sizes == [(640, 640)] * 2 + [(640, 1280)] * 2


@pytest.mark.parametrize(
    'stem', ['deeplabv3_mobilenetv2_camvid-day2night', 'demo_voc_plain2dusk']
)
def test_rows_on_small_data_differ_in_what_they_compare(stem):
    def row(name):
        return Config.fromfile(ROOT.parents[1] / f'daformer/{stem}{name}.py')

    whole = row('')
    assert 'source' in whole.train_dataloader.sampler.rare_class_sampling
    for name, loader in (
        ('_source-only', 'source_only'),
        ('_source-only_jitter', 'recolored_source_only'),
        ('_oracle', 'oracle'),
        ('_adabn', 'source_only'),
    ):
        cfg = row(name)
        assert cfg.model.type == 'EncoderDecoder'
        images = cfg.train_dataloader.dataset
        assert images.dataset == whole[loader].dataset.dataset
        assert images.source == whole[loader].dataset.source
        assert cfg.train_dataloader.batch_size == whole[loader].batch_size
    methods = ('_selftraining', '_u2pl', '_mic', '_sepico')
    for name in ('_source-only', '_oracle', '_adabn', *methods):
        for key in ('optim_wrapper', 'train_cfg', 'param_scheduler', 'val_dataloader'):
            assert row(name)[key] == whole[key]
    (adabn,) = [h for h in row('_adabn').custom_hooks if h.type == 'AdaBNHook']
    assert adabn.dataloader.dataset == whole.train_dataloader.dataset.datasets[1]
    assert not adabn.dataloader.dataset.labeled
    plain = row('_selftraining')
    assert plain.train_dataloader.sampler.rare_class_sampling is None
    assert plain.model.get('feature_distance') is None
    assert row('_u2pl').model.type == 'U2PLEncoderDecoder'
    assert row('_mic').model.masked_view.mask_ratio == 0.7
    sepico = row('_sepico')
    assert sepico.custom_hooks[:-1] == whole.custom_hooks
    assert sepico.train_dataloader == whole.train_dataloader
    assert sepico.model.contrastive_loss.temperature == 100
