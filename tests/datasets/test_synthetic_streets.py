"""GTA5 and SYNTHIA as sources beside Cityscapes without labels."""

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_labelfree.datasets import GTADataset, SynthiaDataset
from mmseg_labelfree.datasets.class_pixels import class_pixels
from mmseg_labelfree.engine.protocols import DataCheck

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]


def write_image(path, shape):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(len(path.name)).integers(0, 255, (*shape, 3))
    Image.fromarray(image.astype(np.uint8)).save(path)


def write_gta(root, masks):
    for i, values in enumerate(masks):
        mask = Image.fromarray(np.asarray(values, np.uint8))
        mask.putpalette(bytes(range(256)) * 3)
        (root / 'gta/labels').mkdir(parents=True, exist_ok=True)
        mask.save(root / f'gta/labels/{i:05d}.png')
        write_image(root / f'gta/images/{i:05d}.png', np.shape(values))
    prefix = dict(img_path='images', seg_map_path='labels')
    return dict(type='GTADataset', data_root=str(root / 'gta'), data_prefix=prefix)


def write_synthia(root, masks):
    for i, values in enumerate(masks):
        red = np.asarray(values, np.uint16)
        (root / 'synthia/GT/LABELS').mkdir(parents=True, exist_ok=True)
        file = root / f'synthia/GT/LABELS/{i:07d}.png'
        cv2.imwrite(str(file), np.stack([0 * red, 7 + red, red], 2))
        write_image(root / f'synthia/RGB/{i:07d}.png', np.shape(values))
    prefix = dict(img_path='RGB', seg_map_path='GT/LABELS')
    return dict(
        type='SynthiaDataset', data_root=str(root / 'synthia'), data_prefix=prefix
    )


def write_cityscapes(root, num, shape):
    """Images without a single mask."""
    for i in range(num):
        name = f'ulm_{i:06d}_000019_leftImg8bit.png'
        write_image(root / f'cityscapes/leftImg8bit/train/ulm/{name}', shape)
    prefix = dict(img_path='leftImg8bit/train', seg_map_path='gtFine/train')
    return dict(
        type='CityscapesDataset',
        data_root=str(root / 'cityscapes'),
        data_prefix=prefix,
    )


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv('LABELFREE_CACHE', str(tmp_path / 'cache'))


@pytest.mark.parametrize(
    ('write', 'cls', 'road_sky_void', 'car'),
    [
        (write_gta, GTADataset, [7, 23, 0], 26),
        (write_synthia, SynthiaDataset, [3, 1, 22], 8),
    ],
)
def test_reads_the_original_files(tmp_path, write, cls, road_sky_void, car):
    masks = [[road_sky_void, 3 * [car]], [3 * [road_sky_void[0]]]]
    dataset = DATASETS.build(dict(write(tmp_path, masks), pipeline=PIPELINE))
    assert isinstance(dataset, cls) and len(dataset) == 2
    labels = [sample['data_samples'].gt_sem_seg.data[0].tolist() for sample in dataset]
    assert labels == [[[0, 10, 255], [13, 13, 13]], [[0, 0, 0]]]
    assert dataset.metainfo['classes'][10] == 'sky'
    expected = np.zeros((2, 19), int)
    expected[0, [0, 10, 13]] = 1, 1, 3
    expected[1, 0] = 3
    for _ in range(2):  # counted, and read from the cache
        np.testing.assert_array_equal(class_pixels(dataset), expected)


def test_fewer_classes(tmp_path):
    config = write_gta(tmp_path, [[[7, 23, 0, 26]]])
    dataset = DATASETS.build(
        dict(config, pipeline=PIPELINE, metainfo=dict(classes=('car', 'road')))
    )
    label = dataset[0]['data_samples'].gt_sem_seg.data[0]
    assert label.tolist() == [[1, 255, 255, 0]]
    assert class_pixels(dataset).tolist() == [[1, 1]]


def test_sources_of_two_datasets_are_drawn_by_their_classes(tmp_path):
    """Road everywhere, one image with a corner of each rare class."""
    masks = np.full((6, 20, 30), 7)
    masks[1, :10, :10] = 33
    masks[4, 10:, 20:] = 31
    source = write_gta(tmp_path, masks)
    target = write_cityscapes(tmp_path, 3, (16, 24))
    crop = dict(type='RareClassCrop', crop_size=(12, 12), min_pixels=10)
    pack = dict(type='PackSegInputs')
    loader = Runner.build_dataloader(
        dict(
            batch_size=4,
            num_workers=0,
            sampler=dict(
                type='MultiSourceSampler',
                source_counts=dict(source=2, target=2),
                rare_class_sampling=dict(source=dict(min_pixels=15)),
            ),
            dataset=dict(
                type='ConcatDataset',
                datasets=[
                    dict(
                        type='SourceDataset',
                        source='source',
                        dataset=dict(source, pipeline=[*PIPELINE[:2], crop, pack]),
                    ),
                    dict(
                        type='SourceDataset',
                        source='target',
                        labeled=False,
                        dataset=dict(target, pipeline=[*PIPELINE[:2], crop, pack]),
                    ),
                ],
            ),
        ),
        seed=4,
    )
    stream, seen = iter(loader), []
    for _ in range(20):
        first, second, *targets = next(stream)['data_samples']
        for sample in (first, second):
            labels = sample.gt_sem_seg.data
            name = sample.metainfo['img_path'][-9:-4]
            assert name in ('00001', '00004')
            rare = {'00001': 18, '00004': 16}[name]
            # Eleven tries: hardly ever does the crop miss the corner.
            seen.append((name, int((labels == rare).sum()) > 10))
        assert all((t.gt_sem_seg.data == 255).all() for t in targets)
        assert all(t.metainfo['source'] == 'target' for t in targets)
    assert {name for name, _ in seen} == {'00001', '00004'}
    assert sum(hit for _, hit in seen) > 37


def test_converted_masks_end_the_run_before_it_trains(tmp_path):
    source = write_gta(tmp_path, [np.full((4, 4), 7)] * 2)
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / 'gta/labels/00001.png')
    dataset = DATASETS.build(dict(source, pipeline=PIPELINE))
    with pytest.raises(ValueError, match=r'00001\.png cannot be read \(it has no pal'):
        class_pixels(dataset)


def test_target_with_other_classes(tmp_path):
    """Its images are of any dataset; its validation has the source's classes."""
    source = write_gta(tmp_path, [np.full((4, 4), 7)])
    target = write_cityscapes(tmp_path, 1, (4, 4))
    mask = 'ulm_000000_000019_gtFine_labelTrainIds.png'
    folder = tmp_path / 'cityscapes/gtFine/train/ulm'
    folder.mkdir(parents=True)
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(folder / mask)
    images = dict(type='SourceDataset', source='target', labeled=False)
    images['dataset'] = dict(target, pipeline=PIPELINE)

    def config(**settings):
        labeled = dict(type='SourceDataset', source='source')
        labeled['dataset'] = dict(source, pipeline=PIPELINE, **settings)
        return Config(
            dict(
                default_scope='mmseg',
                train_dataloader=dict(
                    batch_size=2,
                    sampler=dict(
                        type='MultiSourceSampler',
                        source_counts=dict(source=1, target=1),
                    ),
                    dataset=dict(type='ConcatDataset', datasets=[labeled, images]),
                ),
                train_cfg=dict(max_iters=1),
                val_dataloader=dict(dataset=dict(target, pipeline=PIPELINE)),
            )
        )

    DataCheck().training(config())
    message = (
        r'val_dataloader has not the classes that are trained: it lacks \[\] and has .*'
        "'sidewalk'.*give both the same"
    )
    with pytest.raises(ValueError, match=message):
        DataCheck().training(config(metainfo=dict(classes=['road', 'sky', 'car'])))


def test_masks_of_another_size_are_resized(tmp_path):
    """Some of GTA5's own are."""
    source = write_gta(tmp_path, [np.full((4, 6), 7)] * 2)
    write_image(tmp_path / 'gta/images/00001.png', (8, 12))
    dataset = dict(type='SourceDataset', source='source')
    dataset['dataset'] = dict(source, pipeline=PIPELINE)
    sampler = dict(type='DefaultSampler', shuffle=False)
    config = Config(
        dict(
            default_scope='mmseg',
            train_dataloader=dict(batch_size=1, sampler=sampler, dataset=dataset),
            train_cfg=dict(max_iters=1),
        )
    )
    DataCheck().training(config)
    label = DATASETS.build(dataset)[1]['data_samples'].gt_sem_seg.data[0]
    assert label.tolist() == np.zeros((8, 12), int).tolist()
