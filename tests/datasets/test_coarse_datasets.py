import numpy as np
import pytest
from mmseg.datasets import COCOStuffDataset
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_labelfree.datasets import Cityscapes27Dataset, COCOStuff27Dataset
from mmseg_labelfree.datasets.coco_stuff27_classes import coarse_table

# Label id - 1 of categories that STEGO's and PiCIE's mapping is published for.
SAMPLES = {
    0: 'person',
    1: 'vehicle',
    8: 'vehicle',
    9: 'outdoor',
    14: 'outdoor',
    15: 'animal',
    24: 'animal',
    25: 'accessory',
    33: 'sports',
    43: 'kitchen',
    51: 'food-things',
    61: 'furniture-things',
    71: 'electronic',
    77: 'appliance',
    83: 'indoor',
    91: 'textile',
    93: 'plant',
    94: 'building',
    98: 'structural',
    99: 'raw-material',
    100: 'floor',
    101: 'ceiling',
    105: 'sky',
    106: 'furniture-stuff',
    119: 'water',
    120: 'food-stuff',
    126: 'solid',
    148: 'ground',
    170: 'wall',
    179: 'window',
    181: 'solid',
}
# Number of labels of each class in that mapping.
SIZES = [
    6,
    6,
    10,
    10,
    8,
    8,
    8,
    10,
    6,
    1,
    10,
    8,
    2,
    6,
    4,
    11,
    4,
    11,
    7,
    2,
    6,
    11,
    9,
    2,
    6,
    5,
    5,
]
PIPELINE = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]


def write(root, name, mask_name, values):
    for folder in ('images', 'masks'):
        (root / folder).mkdir(parents=True, exist_ok=True)
    mask = np.tile(np.asarray(values, np.uint8), (2, 1))
    Image.fromarray(np.zeros((*mask.shape, 3), np.uint8)).save(root / 'images' / name)
    Image.fromarray(mask).save(root / 'masks' / mask_name)


def test_every_label_has_its_supercategory():
    table, classes = coarse_table(), COCOStuff27Dataset.METAINFO['classes']
    assert len(classes) == len(COCOStuff27Dataset.METAINFO['palette']) == 27
    assert {i: classes[table[i]] for i in SAMPLES} == SAMPLES
    assert [table[:182].count(i) for i in range(27)] == SIZES
    assert table[182:] == [-1] * 73 + [255]


def test_stuff_names_are_those_of_the_fine_dataset():
    fine = COCOStuffDataset.METAINFO['classes'][80:]
    assert sorted(fine) == list(fine) and len(fine) == 91
    table, classes = coarse_table(), COCOStuff27Dataset.METAINFO['classes']
    for index, name in enumerate(fine):
        coarse = classes[table[91 + index]]
        if name.split('-')[0] in ('wall', 'floor', 'ceiling', 'window', 'sky'):
            assert coarse == name.split('-')[0]


def test_coco_stuff_27_reads_a_curated_list(tmp_path):
    for number in ('000000000009', '000000000025'):
        write(tmp_path, f'{number}.jpg', f'{number}.png', [0, 181, 255, 120])
    (tmp_path / 'list.txt').write_text('000000000025\n')
    data = DATASETS.build(
        dict(
            type='COCOStuff27Dataset',
            data_root=str(tmp_path),
            ann_file='list.txt',
            data_prefix=dict(img_path='images', seg_map_path='masks'),
            pipeline=PIPELINE,
        )
    )
    assert isinstance(data, COCOStuff27Dataset) and len(data) == 1
    assert data[0]['gt_seg_map'].tolist() == 2 * [[9, 24, 255, 14]]
    write(tmp_path, '000000000025.jpg', '000000000025.png', [200, 200])
    with pytest.raises(ValueError, match='000000000025.png.*200'):
        data[0]
    unlabeled = [dict(type='LoadImageFromFile')]
    assert (
        'gt_seg_map'
        not in COCOStuff27Dataset(
            data_root=str(tmp_path),
            pipeline=unlabeled,
            data_prefix=dict(img_path='images', seg_map_path='masks'),
        )[0]
    )


def test_cityscapes_27_maps_label_ids(tmp_path):
    name = 'aachen_000000_000019'
    ids = [*range(34), 255]
    write(tmp_path, f'{name}_leftImg8bit.png', f'{name}_gtFine_labelIds.png', ids)
    data = DATASETS.build(
        dict(
            type='Cityscapes27Dataset',
            data_root=str(tmp_path),
            pipeline=PIPELINE,
            data_prefix=dict(img_path='images', seg_map_path='masks'),
        )
    )
    expected = [255] * 7 + list(range(27)) + [255]
    assert data[0]['gt_seg_map'].tolist() == [expected, expected]
    assert len(data.METAINFO['classes']) == len(data.METAINFO['palette']) == 27
    assert data.METAINFO['classes'][0] == 'road'
    assert Cityscapes27Dataset.METAINFO['classes'][26] == 'bicycle'
