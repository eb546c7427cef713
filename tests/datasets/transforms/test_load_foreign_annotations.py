import cv2
import numpy as np
import pytest
from mmengine.dataset import Compose
from mmseg.datasets import CityscapesDataset
from mmseg.registry import TRANSFORMS
from PIL import Image

from mmseg_labelfree.datasets.transforms import (
    FillLabels,
    LoadGTAAnnotations,
    LoadSynthiaAnnotations,
    without_annotations,
)
from mmseg_labelfree.datasets.transforms.load_foreign_annotations import load_with

NAMES = CityscapesDataset.METAINFO['classes']
# Names of the labels in the two datasets' own lists, where Cityscapes has the class.
GTA_NAMES = {7: 'road', 8: 'sidewalk', 11: 'building', 12: 'wall', 13: 'fence'}
GTA_NAMES |= {17: 'pole', 19: 'traffic light', 20: 'traffic sign', 21: 'vegetation'}
GTA_NAMES |= {22: 'terrain', 23: 'sky', 24: 'person', 25: 'rider', 26: 'car'}
GTA_NAMES |= {27: 'truck', 28: 'bus', 31: 'train', 32: 'motorcycle', 33: 'bicycle'}
SYNTHIA_NAMES = {1: 'sky', 2: 'building', 3: 'road', 4: 'sidewalk', 5: 'fence'}
SYNTHIA_NAMES |= {6: 'vegetation', 7: 'pole', 8: 'car', 9: 'traffic sign'}
SYNTHIA_NAMES |= {10: 'person', 11: 'bicycle', 12: 'motorcycle', 15: 'traffic light'}
SYNTHIA_NAMES |= {16: 'terrain', 17: 'rider', 18: 'truck', 19: 'bus', 20: 'train'}
SYNTHIA_NAMES |= {21: 'wall'}


def write_gta(path, values):
    mask = Image.fromarray(np.asarray(values, np.uint8))
    mask.putpalette(np.random.default_rng(0).bytes(768))
    mask.save(path)
    return path


def write_synthia(path, values):
    red = np.asarray(values, np.uint16)
    instances = 1000 + np.arange(red.size, dtype=np.uint16).reshape(red.shape)
    cv2.imwrite(str(path), np.stack([np.zeros_like(red), instances, red], 2))
    return path


def load(transform, path, **more):
    results = dict(seg_map_path=str(path), seg_fields=[], **more)
    results = transform(results)
    assert results['seg_fields'] == ['gt_seg_map']
    assert results['gt_seg_map'].dtype == np.uint8
    return results['gt_seg_map']


@pytest.mark.parametrize(
    ('loader', 'write', 'names', 'last'),
    [
        (LoadGTAAnnotations, write_gta, GTA_NAMES, 34),
        (LoadSynthiaAnnotations, write_synthia, SYNTHIA_NAMES, 22),
    ],
)
def test_every_label_has_its_class(tmp_path, loader, write, names, last):
    path = write(tmp_path / 'a.png', [range(last + 1)] * 2)
    transform = TRANSFORMS.build(dict(type=loader.__name__))
    expected = [NAMES.index(names[i]) if i in names else 255 for i in range(last + 1)]
    assert load(transform, path).tolist() == [expected] * 2
    assert transform.read(path).tolist() == [[*range(last + 1)]] * 2
    fewer = {NAMES.index('sky'): 0, NAMES.index('car'): 1}
    label_map = {i: fewer.get(i, 255) for i in range(19)}
    found = load(transform, path, label_map=label_map)[0].tolist()
    assert found == [
        fewer.get(label, 255) if label != 255 else 255 for label in expected
    ]


def test_mask_of_another_size_is_brought_to_the_images(tmp_path):
    path = write_gta(tmp_path / 'a.png', [[7, 8], [7, 8]])
    image = np.zeros((4, 2, 3), np.uint8)
    assert load(LoadGTAAnnotations(), path, img=image).tolist() == [[0, 1]] * 4


def one_line(error):
    return '\n' not in str(error.value)


def test_converted_files_are_told(tmp_path):
    gray = tmp_path / 'gray.png'
    Image.fromarray(np.array([[0, 18]], np.uint8)).save(gray)
    palette = write_gta(tmp_path / 'palette.png', [[0, 18, 255]])
    for loader, path, why in (
        (LoadGTAAnnotations, gray, 'no palette but mode L'),
        (LoadGTAAnnotations, palette, 'holds 255, and labels end at 34'),
        (LoadSynthiaAnnotations, gray, r'1 channel\(s\) of uint8'),
        (LoadSynthiaAnnotations, palette, r'3 channel\(s\) of uint8'),
    ):
        match = f'{path.name} cannot be read .*{why}.*_labelTrainIds.png'
        with pytest.raises(ValueError, match=match) as error:
            load(loader(), path)
        assert one_line(error)


def test_files_of_another_encoding_are_told(tmp_path):
    color = tmp_path / 'color.png'
    Image.new('RGB', (2, 2)).save(color)
    synthia = write_synthia(tmp_path / 'synthia.png', [[3, 23]])
    cv2.imwrite(str(tmp_path / 'deep.png'), np.zeros((2, 2), np.uint16))
    (tmp_path / 'text.png').write_text('no image')
    whole = write_gta(tmp_path / 'cut.png', np.full((40, 40), 7)).read_bytes()
    (tmp_path / 'cut.png').write_bytes(whole[:-30])
    for loader, name, why in (
        (LoadGTAAnnotations, 'color.png', 'mode RGB'),
        (LoadGTAAnnotations, 'synthia.png', 'mode RGB'),
        (LoadGTAAnnotations, 'text.png', 'cannot identify'),
        (LoadGTAAnnotations, 'cut.png', 'truncated'),
        (LoadSynthiaAnnotations, 'color.png', 'uint8'),
        (LoadSynthiaAnnotations, 'deep.png', r'1 channel\(s\) of uint16'),
        (LoadSynthiaAnnotations, 'text.png', 'no image'),
        (LoadSynthiaAnnotations, synthia.name, 'holds 23, and labels end at 22'),
    ):
        with pytest.raises(ValueError, match=f'{name} cannot be read .*{why}') as error:
            load(loader(), tmp_path / name)
        assert one_line(error)
    with pytest.raises(FileNotFoundError, match=r'none\.png'):
        load(LoadGTAAnnotations(), tmp_path / 'none.png')


def test_takes_the_place_of_stock_loaders():
    stock = [
        dict(type='LoadImageFromFile'),
        dict(type='RandomChoice', transforms=[[dict(type='LoadAnnotations')]]),
        dict(type='LoadSynthiaAnnotations'),
    ]
    pipeline = Compose(stock)
    image, choice, other = load_with(pipeline, LoadGTAAnnotations).transforms
    assert image is pipeline.transforms[0] and other is pipeline.transforms[2]
    assert isinstance(choice.transforms[0].transforms[0], LoadGTAAnnotations)
    unlabeled = without_annotations(
        Compose([stock[0], dict(type='LoadGTAAnnotations')])
    )
    assert isinstance(unlabeled.transforms[1], FillLabels)
    assert len(unlabeled.transforms) == 2
