import numpy as np
from mmengine.registry import DefaultScope
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_labelfree.datasets import CamVidDataset, IncrementalDataset

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]


def config(tmp_path, test_mode):
    for kind in ('images', 'labels'):
        (tmp_path / kind / 'train').mkdir(parents=True, exist_ok=True)
    mask = np.array([[0, 3, 8], [10, 255, 1]], np.uint8)
    Image.fromarray(mask).save(tmp_path / 'labels' / 'train' / 'a.png')
    Image.new('RGB', (3, 2)).save(tmp_path / 'images' / 'train' / 'a.jpg')
    return dict(
        type='CamVidDataset',
        data_root=str(tmp_path),
        pipeline=PIPELINE,
        data_prefix=dict(img_path='images/train', seg_map_path='labels/train'),
        test_mode=test_mode,
        serialize_data=False,
    )


def test_reads_the_layout(tmp_path):
    with DefaultScope.overwrite_default_scope('mmseg'):
        dataset = DATASETS.build(config(tmp_path, False))
    label = dataset[0]['data_samples'].gt_sem_seg.data[0]
    assert label.tolist() == [[0, 3, 8], [10, 255, 1]]
    assert dataset.metainfo['classes'][8] == 'car'


def test_every_class_has_its_own_color():
    meta = CamVidDataset.METAINFO
    assert len(meta['classes']) == len(meta['palette']) == 11
    assert len({tuple(color) for color in meta['palette']}) == 11


def test_unlabeled_pixels_are_background_when_learning_in_steps(tmp_path):
    task = [['road', 'sky'], ['car']]
    expected = {False: [[0, 0, 3], [0, 0, 0]], True: [[2, 1, 3], [0, 0, 0]]}
    for test_mode, labels in expected.items():
        dataset = IncrementalDataset(
            config(tmp_path, test_mode), task, 1, void='background', cache=False
        )
        found = dataset[0]['data_samples'].gt_sem_seg.data[0]
        assert found.tolist() == labels
        assert dataset.metainfo['classes'] == ('background', 'road', 'sky', 'car')
