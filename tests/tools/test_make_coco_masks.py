import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmseg_labelfree.datasets import COCOObjectDataset

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location(
    'make_coco_masks', ROOT / 'tools' / 'make_coco_masks.py'
)
make_coco_masks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make_coco_masks)


def box(left, top, right, bottom):
    return [left, top, right, top, right, bottom, left, bottom]


@pytest.fixture
def annotations(tmp_path):
    """Two images with objects, one with a crowd alone, one without annotations."""
    images = [
        dict(id=i, file_name=f'COCO_train2014_{i}.jpg', height=8, width=10)
        for i in (4, 2, 3, 9)
    ]
    objects = [
        (4, 13, [box(0, 0, 5, 5)], 0),
        (4, 90, [box(4, 4, 7.2, 6.8), box(9, 0, 9, 7)], 0),  # over the one before
        (3, 1, dict(counts=[80], size=[8, 10]), 1),
        (2, 1, [box(-1, 0, 1, 20)], 0),
        (2, 13, dict(counts=[80], size=[8, 10]), 1),
    ]
    content = dict(
        categories=[dict(id=i) for i in (1, 13, 90)],
        images=images,
        annotations=[
            dict(image_id=image, category_id=c, segmentation=s, iscrowd=crowd)
            for image, c, s, crowd in objects
        ],
    )
    path = tmp_path / 'instances_train2014.json'
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize('options', [[], ['--first-polygon']])
def test_label_maps(annotations, tmp_path, options):
    root = tmp_path / 'coco'
    make_coco_masks.main([str(annotations), str(root), *options])
    assert (root / 'train2014.txt').read_text().split() == [
        'COCO_train2014_4',
        'COCO_train2014_2',
        'COCO_train2014_3',
    ]
    expected = np.zeros((3, 8, 10), int)
    expected[0, :6, :6] = 2
    expected[0, 4:8, 4:8] = 3
    if not options:
        expected[0, :, 9] = 3
    expected[1, :, :2] = 1
    folder = root / 'annotations/train2014'
    assert len([*folder.iterdir()]) == 3
    for number, wanted in zip((4, 2, 3), expected, strict=True):
        found = np.asarray(Image.open(folder / f'COCO_train2014_{number}.png'))
        assert found.tolist() == wanted.tolist()
    dataset = COCOObjectDataset(
        data_root=str(root),
        ann_file='train2014.txt',
        data_prefix=dict(img_path='train2014', seg_map_path='annotations/train2014'),
    )
    assert dataset.get_data_info(1)['seg_map_path'] == str(
        folder / 'COCO_train2014_2.png'
    )


def test_says_what_is_wrong(annotations, tmp_path, capsys):
    other = annotations.rename(tmp_path / 'captions_train2014.json')
    with pytest.raises(SystemExit):
        make_coco_masks.main([str(other), str(tmp_path)])
    assert 'is not called instances_SPLIT.json' in capsys.readouterr().err
    broken = tmp_path / 'instances_val2014.json'
    broken.write_text('{"images": []')
    with pytest.raises(ValueError, match=r'val2014\.json is damaged .*: download it'):
        make_coco_masks.main([str(broken), str(tmp_path)])


@pytest.mark.parametrize('shape', [[], dict(counts='abc', size=[8, 10]), None])
def test_objects_without_a_polygon(shape):
    image = dict(file_name='a.jpg', height=8, width=10)
    item = dict(id=7, category_id=1, segmentation=shape)
    with pytest.raises(ValueError, match='annotation 7 of image a.jpg has no polygon'):
        make_coco_masks.draw_objects(image, [item], {1: 1})


def test_more_categories_than_a_mask_holds(tmp_path):
    content = dict(
        categories=[dict(id=k) for k in range(255)], images=[], annotations=[]
    )
    path = tmp_path / 'instances_many.json'
    path.write_text(json.dumps(content))
    with pytest.raises(
        ValueError, match='has 255 categories, and masks of 8 bits hold'
    ):
        make_coco_masks.read_annotations(path)
