"""Trainings that would train nothing are refused before any stage runs."""

import copy
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from mmseg_labelfree.engine.protocols import (
    DataCheck,
    ProtocolRunner,
    Stage,
    data_is_there,
)


def by_epoch(cfg: Config, batch_size: int, **loader) -> Config:
    cfg = copy.deepcopy(cfg)
    cfg.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1, val_interval=1)
    cfg.train_dataloader.update(batch_size=batch_size, **loader)
    return cfg


@pytest.mark.parametrize('sampler', ['DefaultSampler', 'SeededSampler'])
def test_fewer_images_than_a_batch(tiny, sampler):
    sampler = dict(type=sampler, shuffle=True)
    cfg = by_epoch(tiny, 25, sampler=sampler, drop_last=True)
    with pytest.raises(ValueError, match='no batch: 24 images for a batch of 25'):
        DataCheck().training(cfg)
    cfg.train_dataloader.drop_last = False
    assert DataCheck().training(cfg).batches == 1
    # A loop over iterations on a finite sampler is no better.
    cfg.train_dataloader.drop_last = True
    cfg.train_cfg = tiny.train_cfg
    with pytest.raises(ValueError, match='no batch'):
        DataCheck().training(cfg)


def test_endless_samplers_fill_their_batches(tiny, semi):
    tiny.train_dataloader.update(batch_size=50, drop_last=True)
    size = DataCheck().training(tiny)
    assert (size.images, size.batches) == (24, 1)
    size = DataCheck().training(semi)
    assert (size.images, size.batches) == (32, 12)
    # ... but an epoch on them never ends.
    cfg = by_epoch(tiny, 50, drop_last=True)
    with pytest.raises(ValueError, match='SeededInfiniteSampler never .* SeededSampl'):
        DataCheck().training(cfg)
    cfg = by_epoch(semi, 4)
    with pytest.raises(ValueError, match='never ends .* for ever: set infinite=False'):
        DataCheck().training(cfg)
    cfg.train_dataloader.sampler.infinite = False
    assert DataCheck().training(cfg).batches == 12


def few_of_the_last_step(incremental, batch_size):
    cfg = by_epoch(
        incremental,
        batch_size,
        drop_last=True,
        sampler=dict(type='SeededSampler', shuffle=True),
    )
    cfg.param_scheduler = []
    return cfg


def test_a_later_step_is_refused_before_the_first_one_runs(incremental, tmp_path):
    sizes = DataCheck().stages(ProtocolRunner(incremental).stages)
    assert list(sizes) == ['step_0', 'step_1', 'step_2']
    counts = [size.images for size in sizes.values()]
    cfg = few_of_the_last_step(incremental, min(counts) + 1)
    small = next(name for name, size in sizes.items() if size.images == min(counts))
    runner = ProtocolRunner(cfg)
    with pytest.raises(ValueError, match=f'{small}: train_dataloader gives no batch'):
        runner.run()
    assert not list(Path(cfg.work_dir).glob('step_*/*.pth'))


@pytest.mark.parametrize('where', ['initial_step', 'next_steps'])
def test_a_stage_without_iterations(incremental, where):
    incremental.protocol[where] = dict(train_cfg=dict(max_iters=0, val_interval=1))
    name = 'step_0' if where == 'initial_step' else 'step_1'
    with pytest.raises(ValueError, match=f'{name}: train_cfg.max_iters=0 must'):
        ProtocolRunner(incremental).run()


def test_stages_that_wait_for_others_are_left_out(novel):
    stages = ProtocolRunner(novel).stages
    assert [s.name for s in stages][:3] == ['base', 'clustering', 'basic']
    assert list(DataCheck().stages(stages)) == ['base']


def test_whether_data_is_there(tiny, tmp_path):
    assert data_is_there(tiny)
    tiny.train_dataloader.dataset.data_root = str(tmp_path / 'none')
    assert not data_is_there(tiny)
    assert not (tmp_path / 'none').exists()


@pytest.fixture
def own_data(tiny, tmp_path):
    """The boxes of ``tiny`` as files of one's own, for validation."""
    data = tiny.val_dataloader.dataset
    source = Path(data.data_root)
    target = tmp_path / 'own'
    for folder in ('JPEGImages', 'SegmentationClass', 'ImageSets/Segmentation'):
        (target / folder).mkdir(parents=True)
        for file in (source / folder).glob('val*'):
            (target / folder / file.name).write_bytes(file.read_bytes())
    data.data_root = str(target)
    return target


def test_plain_validation_masks_are_checked(tiny, own_data):
    DataCheck().training(tiny)
    mask = own_data / 'SegmentationClass/val_002.png'
    values = np.array(Image.open(mask))
    values[3, 3] = 77
    Image.fromarray(values).save(mask)
    with pytest.raises(ValueError, match=r'val_002.png holds the values \[77\]'):
        DataCheck().training(tiny)
    with pytest.raises(ValueError, match=r'step: .*val_002.png'):
        DataCheck().stages([Stage('step', tiny)])


def test_plain_images_that_are_missing_are_named(tiny, own_data):
    (own_data / 'JPEGImages/val_003.jpg').unlink()
    with pytest.raises(ValueError, match='val_003.jpg does not exist, image 4 of'):
        DataCheck().training(tiny)


@pytest.mark.parametrize('where', ['train', 'val'])
def test_masks_of_another_size_are_found_before_training(tiny, own_data, where):
    if where == 'train':
        tiny.train_dataloader.dataset.update(
            data_root=str(own_data), ann_file='ImageSets/Segmentation/val.txt'
        )
        tiny.val_dataloader = tiny.val_evaluator = tiny.val_cfg = None
    DataCheck().training(tiny)
    mask = own_data / 'SegmentationClass/val_001.png'
    Image.fromarray(np.zeros((32, 31), np.uint8)).save(mask)
    with pytest.raises(ValueError, match='val_001.jpg is 32x32 but its mask .* 31x32'):
        DataCheck().training(tiny)


def test_points_of_two_images_are_found_before_training(tiny, own_data, tmp_path):
    images = own_data / 'JPEGImages'
    for folder in ('a', 'b'):
        (images / folder).mkdir()
        (images / folder / '1.jpg').write_bytes((images / 'val_001.jpg').read_bytes())
    (tmp_path / 'p').mkdir()
    np.save(tmp_path / 'p/1.npy', np.array([[1, 1, 1]]))
    data = tiny.train_dataloader.dataset
    data.update(
        data_root=str(own_data),
        ann_file='',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadPointAnnotations', ann_file=str(tmp_path / 'p')),
            dict(type='PackSegInputs'),
        ],
    )
    with pytest.raises(ValueError, match='one annotation .1. for .*a/1.jpg and .*b/1'):
        DataCheck().training(tiny)
