import numpy as np
import pytest
from mmengine.dataset import Compose
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_labelfree.datasets.class_pixels import class_pixels

LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    """Two masks of twelve pixels."""
    monkeypatch.setenv('LABELFREE_CACHE', str(tmp_path / 'cache'))
    for kind in ('images', 'labels'):
        (tmp_path / kind).mkdir()
    for i, mask in enumerate([[0, 3, 3, 255, 1, 1], [10, 10, 10, 0, 255, 255]]):
        label = np.array([mask, mask], np.uint8)
        Image.fromarray(label).save(tmp_path / f'labels/{i}.png')
        Image.new('RGB', (6, 2)).save(tmp_path / f'images/{i}.jpg')

    def build(**kwargs):
        settings = dict(
            type='CamVidDataset',
            data_root=str(tmp_path),
            data_prefix=dict(img_path='images', seg_map_path='labels'),
            pipeline=LOAD,
        )
        return DATASETS.build(settings | kwargs)

    return build


def slow(dataset, classes):
    """Count what the samples hold."""
    counts = np.zeros((len(dataset), classes), int)
    for i in range(len(dataset)):
        for value in dataset[i]['gt_seg_map'].ravel():
            if value != 255:
                counts[i, value] += 1
    return counts


@pytest.mark.parametrize(
    ('changes', 'classes'),
    [
        (dict(), 11),
        (dict(metainfo=dict(classes=('road', 'sky', 'bicyclist'))), 3),
        (dict(reduce_zero_label=True), 11),
        (
            dict(
                pipeline=[
                    *LOAD,
                    dict(type='MapLabels', table=[*range(10), 4] + [255] * 245),
                ]
            ),
            11,
        ),
    ],
)
def test_counts_what_the_pipeline_loads(dataset, changes, classes):
    built = dataset(**changes)
    found = class_pixels(built)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, slow(built, classes))
    assert found.sum() > 0


def test_masks_that_are_not_loaded_or_hold_other_values(dataset):
    built = dataset()
    built.pipeline = Compose(LOAD[:1])
    with pytest.raises(ValueError, match='CamVidDataset has no LoadAnnotations'):
        class_pixels(built)
    other = dataset(type='BaseSegDataset', metainfo=dict(classes=('a', 'b', 'c', 'd')))
    other.img_suffix = '.jpg'
    with pytest.raises(ValueError, match=r'1\.png holds the values \[10\], .*1 masks'):
        class_pixels(other)
