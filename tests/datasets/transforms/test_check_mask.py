"""Photos that EXIF tags turn, and masks of other pixels."""

import numpy as np
import pytest
from mmcv.transforms import Compose
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_labelfree.datasets.transforms import CheckMask
from mmseg_labelfree.datasets.transforms.check_mask import (
    photo_orientation,
    turns_photos,
)

HEIGHT, WIDTH = 20, 32
# What a viewer does to the stored pixels for each EXIF orientation.
TURNS = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: np.fliplr(np.rot90(a, -1)),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.fliplr(np.rot90(a, 1)),
    8: lambda a: np.rot90(a, 1),
}


def write_photo(root, orientation, mask, size=(HEIGHT, WIDTH), suffix='jpg'):
    """A photo that is bright in its stored top left corner, and a mask."""
    pixels = np.full((*size, 3), 30, np.uint8)
    pixels[:8, :10] = 220
    exif = Image.Exif()
    exif[0x0112] = orientation
    for folder in ('i', 'm'):
        (root / folder).mkdir(exist_ok=True)
    Image.fromarray(pixels).save(root / f'i/a.{suffix}', exif=exif.tobytes())
    Image.fromarray(np.ascontiguousarray(mask)).save(root / 'm/a.png')


def stored_mask(size=(HEIGHT, WIDTH)):
    mask = np.zeros(size, np.uint8)
    mask[:8, :10] = 1
    return mask


def dataset(root, wrapper, **loading):
    inner = dict(
        type='BaseSegDataset',
        data_root=str(root),
        data_prefix=dict(img_path='i', seg_map_path='m'),
        metainfo=dict(classes=('background', 'cat'), palette=[[0] * 3, [9] * 3]),
        pipeline=[
            dict(type='LoadImageFromFile', **loading),
            dict(type='LoadAnnotations'),
            dict(type='PackSegInputs'),
        ],
    )
    return DATASETS.build(dict(wrapper, dataset=inner))


WRAPPERS = [
    dict(type='SourceDataset', source='labeled'),
    dict(type='IncrementalDataset', task=[['cat']], step=0, cache=False),
]


def is_aligned(sample):
    bright = sample['inputs'].float().mean(0) > 128
    return bool((bright == (sample['data_samples'].gt_sem_seg.data[0] == 1)).all())


@pytest.mark.parametrize('wrapper', WRAPPERS, ids=lambda w: w['type'])
@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
@pytest.mark.parametrize('orientation', TURNS)
def test_photo_and_mask_agree_or_are_refused(tmp_path, wrapper, backend, orientation):
    settings = dict(imdecode_backend=backend)
    for turn in (TURNS[1], TURNS[orientation]):
        write_photo(tmp_path, orientation, turn(stored_mask()))
        photo_orientation.cache_clear()
        data = dataset(tmp_path, wrapper, **settings)
        turned = turn is TURNS[orientation]
        if orientation == 1 or (turned and orientation > 4):
            assert is_aligned(data[0])
        else:
            with pytest.raises(ValueError, match='a.jpg is (turned|20x32)'):
                data[0]
    # Without turning, the mask of the stored pixels is the right one.
    if backend == 'cv2':
        write_photo(tmp_path, orientation, stored_mask())
        kept = dataset(tmp_path, wrapper, color_type='color_ignore_orientation')
        assert is_aligned(kept[0])


def test_a_square_photo_may_be_turned_unseen(tmp_path):
    size = (24, 24)
    write_photo(tmp_path, 6, stored_mask(size), size)
    photo_orientation.cache_clear()
    with pytest.raises(ValueError, match='EXIF orientation 6'):
        dataset(tmp_path, WRAPPERS[0])[0]


@pytest.mark.parametrize('suffix', ['jpg', 'png', 'webp', 'tif'])
def test_tags_of_several_formats(tmp_path, suffix):
    write_photo(tmp_path, 8, stored_mask(), suffix=suffix)
    photo_orientation.cache_clear()
    assert photo_orientation(str(tmp_path / f'i/a.{suffix}')) == 8
    Image.new('RGB', (4, 4)).save(tmp_path / f'plain.{suffix}')
    assert photo_orientation(str(tmp_path / f'plain.{suffix}')) == 1


def test_a_file_that_is_no_photo_is_for_its_loader_to_name(tmp_path):
    (tmp_path / 'x.jpg').write_bytes(b'nothing')
    assert photo_orientation(str(tmp_path / 'x.jpg')) == 1


@pytest.mark.parametrize(
    ('settings', 'turned'),
    [
        (dict(), True),
        (dict(color_type='grayscale'), True),
        (dict(imdecode_backend='pillow'), True),
        (dict(color_type='unchanged'), False),
        (dict(color_type='color_ignore_orientation'), False),
        (dict(imdecode_backend='tifffile'), False),
    ],
)
def test_which_pipelines_turn(settings, turned):
    load = dict(type='LoadImageFromFile', **settings)
    nested = dict(type='RandomChoice', transforms=[[load], [load]])
    assert turns_photos(Compose([load])) is turned
    assert turns_photos(Compose([nested])) is turned


def test_palette_masks_that_are_decoded_as_colors(tmp_path):
    results = dict(
        gt_seg_map=np.zeros((4, 4, 3), np.uint8), ori_shape=(4, 4), seg_map_path='m.png'
    )
    with pytest.raises(ValueError, match=r"m.png .* \(4, 4, 3\).*backend='pillow'"):
        CheckMask()(results)
