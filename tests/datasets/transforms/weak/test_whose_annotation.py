"""An image is its path: images of one name in several folders."""

import json

import numpy as np
import pytest
from PIL import Image

from mmseg_labelfree.datasets.transforms import (
    LoadPointAnnotations,
    LoadScribbleAnnotations,
)

CLASSES = ('background', 'a', 'b')
NAMES = {'cam 1/0001': 1, 'cam 2/0001': 2, 'cam 1/0002.left': 2}


def json_file(root, annotations):
    content = {k: [dict(cls=v, x=1, y=2)] for k, v in annotations.items()}
    (root / 'points.json').write_text(json.dumps(content))
    return LoadPointAnnotations(root / 'points.json', source_classes=CLASSES)


def arrays(root, annotations):
    for name, value in annotations.items():
        (root / f'{name}.npy').parent.mkdir(parents=True, exist_ok=True)
        np.save(root / f'{name}.npy', np.array([[2, 1, value]]))
    return LoadPointAnnotations(root, source_classes=CLASSES)


def masks(root, annotations):
    for name, value in annotations.items():
        mask = np.full((4, 5), 255, np.uint8)
        mask[2, 1] = value
        (root / f'{name}.png').parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(root / f'{name}.png')
    return LoadScribbleAnnotations(root, suffix='.png', source_classes=CLASSES)


KINDS = pytest.mark.parametrize('make', [json_file, arrays, masks])


def load(transform, image):
    results = transform(dict(img_path=str(image), ori_shape=(4, 5)))
    return int(results['gt_seg_map'][2, 1])


@KINDS
def test_annotations_in_folders_like_the_images(tmp_path, make):
    transform = make(tmp_path, NAMES)
    for name, value in NAMES.items():
        assert load(transform, f'/data/images/{name}.jpg') == value
        assert load(transform, f'/data/images/{name}.jpg') == value  # in each epoch


@KINDS
def test_one_annotation_is_not_that_of_two_images(tmp_path, make):
    transform = make(tmp_path, {'0001': 1})
    assert load(transform, 'images/cam 1/0001.jpg') == 1
    with pytest.raises(ValueError, match=r'cam 1/0001.jpg and images/cam 2/0001.jpg'):
        load(transform, 'images/cam 2/0001.jpg')


@KINDS
def test_a_missing_annotation_is_named(tmp_path, make):
    transform = make(tmp_path, NAMES)
    with pytest.raises(ValueError, match='0009.*no annotation of this image'):
        load(transform, 'images/cam 1/0009.jpg')
