from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmseg_labelfree.datasets import FolderDataset, IncrementalDataset, SourceDataset

CLASSES = ['background', 'disk', 'square']
COLORS = [[0, 0, 0], [255, 0, 0], [0, 128, 255]]
LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
PIPELINE = [*LOAD, dict(type='PackSegInputs')]
FOLDERS = dict(img_path='images', seg_map_path='masks')


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Images in two folders with four endings; three have a mask."""
    monkeypatch.setenv('LABELFREE_CACHE', str(tmp_path / 'cache'))
    for index, name in enumerate(
        ['a/0.jpg', 'a/1.JPEG', 'b/0.png', 'b/1.bmp', '2.tif']
    ):
        save(tmp_path / 'images' / name, np.full((4, 6, 3), index, np.uint8))
    for index, name in enumerate(['a/0.png', 'b/0.bmp', '2.png']):
        save(tmp_path / 'masks' / name, np.full((4, 6), index, np.uint8))
    return tmp_path


def dataset(root, **kwargs):
    settings = dict(data_prefix=FOLDERS, metainfo=dict(classes=CLASSES)) | kwargs
    return FolderDataset(data_root=str(root), pipeline=PIPELINE, **settings)


def names(dataset):
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return [Path(info['img_path']).relative_to(dataset.data_root) for info in infos]


def test_images_with_and_without_masks(root):
    assert [str(n) for n in names(dataset(root))] == [
        f'images/{n}' for n in ('2.tif', 'a/0.jpg', 'a/1.JPEG', 'b/0.png', 'b/1.bmp')
    ]
    labeled, unlabeled = (dataset(root, has_mask=kind) for kind in (True, False))
    assert [n.name for n in names(labeled)] == ['2.tif', '0.jpg', '0.png']
    assert [n.name for n in names(unlabeled)] == ['1.JPEG', '1.bmp']
    found = [labeled[i]['data_samples'].gt_sem_seg.data.unique() for i in range(3)]
    assert [f.tolist() for f in found] == [[2], [0], [1]]
    assert labeled.metainfo['palette'] == [[0, 0, 0], [128, 0, 0], [0, 128, 0]]


def test_in_the_wrappers(root):
    inner = dict(
        type='FolderDataset',
        data_root=str(root),
        data_prefix=FOLDERS,
        metainfo=dict(classes=CLASSES),
        pipeline=PIPELINE,
    )
    unlabeled = SourceDataset(dict(inner, has_mask=False), 'unlabeled', labeled=False)
    assert unlabeled[0]['data_samples'].gt_sem_seg.data.unique().tolist() == [255]
    step = IncrementalDataset(dict(inner, has_mask=True), [['square'], ['disk']], 0)
    assert step.image_names == ['2']
    assert step[0]['data_samples'].gt_sem_seg.data.unique().tolist() == [1]
    with pytest.raises(FileNotFoundError, match='gone does not exist'):
        SourceDataset(dict(inner, data_prefix=dict(img_path='gone')), 'labeled')


def test_endings_in_the_names_and_a_list(root, tmp_path):
    for name in ('x_photo.jpg', 'y_photo.jpg', 'x_other.jpg'):
        save(root / 'named' / name, np.zeros((4, 6, 3), np.uint8))
    save(root / 'named_masks' / 'x_mask.png', np.ones((4, 6), np.uint8))
    settings = dict(
        data_prefix=dict(img_path='named', seg_map_path='named_masks'),
        img_suffix='_photo.jpg',
        seg_map_suffix='_mask.png',
    )
    assert [n.name for n in names(dataset(root, **settings))] == [
        'x_photo.jpg',
        'y_photo.jpg',
    ]
    assert [n.name for n in names(dataset(root, has_mask=True, **settings))] == [
        'x_photo.jpg'
    ]
    (root / 'list.txt').write_text('b/0\na/1.JPEG\n')
    listed = dataset(root, ann_file='list.txt')
    assert [n.name for n in names(listed)] == ['1.JPEG', '0.png']


def test_color_masks(root):
    array = np.zeros((4, 6, 3), np.uint8)
    array[0], array[1] = COLORS[2], (255, 255, 255)
    save(root / 'colors' / 'a/0.png', array)
    settings = dict(
        data_prefix=dict(img_path='images', seg_map_path='colors'),
        has_mask=True,
        color_masks=True,
        metainfo=dict(classes=CLASSES, palette=COLORS),
    )
    data = dataset(root, ignored_colors=[[255, 255, 255]], **settings)
    label = data[0]['data_samples'].gt_sem_seg.data[0]
    assert label[:, 0].tolist() == [2, 255, 0, 0]
    SourceDataset(data, 'labeled')
    with pytest.raises(ValueError, match=r'0.png cannot be read \(6 pixels, such as'):
        SourceDataset(dataset(root, **settings), 'labeled')
    with pytest.raises(ValueError, match='needs the color of each class'):
        dataset(root, color_masks=True)


def test_what_cannot_be_told_apart_or_found(root):
    save(root / 'images' / 'a/0.png', np.zeros((4, 6, 3), np.uint8))
    with pytest.raises(ValueError, match='have one name, so their masks'):
        dataset(root)
    with pytest.raises(
        ValueError, match=r'no image with a mask in .*nowhere \(5 images'
    ):
        prefix = dict(img_path='images/', seg_map_path='nowhere')
        (root / 'images' / 'a/0.png').unlink()
        dataset(root, data_prefix=prefix, has_mask=True)


def test_its_words_pass_through_a_wrapper(root):
    images = dict(
        type='FolderDataset',
        data_root=str(root),
        data_prefix=dict(FOLDERS, seg_map_path='nowhere'),
        metainfo=dict(classes=CLASSES),
        pipeline=PIPELINE,
    )
    with pytest.raises(ValueError, match=r'no image with a mask in .*nowhere'):
        SourceDataset(dict(images, has_mask=True), 'labeled')
    save(root / 'images' / 'a/0.png', np.zeros((4, 6, 3), np.uint8))
    with pytest.raises(ValueError, match='have one name, so their masks'):
        SourceDataset(images, 'unlabeled', labeled=False)


def test_other_colors_are_counted_anew(root):
    save(root / 'colors' / '2.png', np.full((4, 6, 3), (255, 0, 0), np.uint8))
    settings = dict(data_prefix=dict(img_path='images', seg_map_path='colors'))
    pixels = []
    for palette in (COLORS, [COLORS[0], COLORS[2], COLORS[1]]):
        data = dataset(
            root,
            has_mask=True,
            color_masks=True,
            metainfo=dict(classes=CLASSES, palette=palette),
            **settings,
        )
        pixels.append(SourceDataset(data, 'labeled').class_pixels()[0].tolist())
    assert pixels == [[0, 24, 0], [0, 0, 24]]


@pytest.mark.parametrize(
    ('folder', 'mask', 'suffix'),
    [('images/masks', 'a/0.png', '.png'), ('images', 'a/0_mask.png', '_mask.png')],
)
def test_masks_among_the_images_are_no_images(root, folder, mask, suffix):
    save(root / folder / mask, np.ones((4, 6), np.uint8))
    settings = dict(
        data_prefix=dict(img_path='images', seg_map_path=folder), seg_map_suffix=suffix
    )
    labeled, unlabeled = (
        dataset(root, has_mask=kind, **settings) for kind in (True, False)
    )
    assert [n.as_posix() for n in names(labeled)] == ['images/a/0.jpg']
    assert labeled[0]['data_samples'].gt_sem_seg.data.unique().tolist() == [1]
    assert [n.name for n in names(unlabeled)] == ['2.tif', '1.JPEG', '0.png', '1.bmp']


def test_two_masks_of_one_image(root):
    save(root / 'masks' / 'a/0.tif', np.ones((4, 6), np.uint8))
    with pytest.raises(ValueError, match=r'0.png and .*0.tif have one name, and an im'):
        dataset(root)


def test_a_suffix_with_two_dots(root):
    save(root / 'dotted' / 'a/0.label.png', np.ones((4, 6), np.uint8))
    prefix = dict(img_path='images', seg_map_path='dotted')
    labeled = dataset(
        root, data_prefix=prefix, has_mask=True, seg_map_suffix='.label.png'
    )
    assert [n.as_posix() for n in names(labeled)] == ['images/a/0.jpg']


def test_jpeg_masks_are_refused(root):
    (root / 'masks/a/0.png').rename(root / 'masks/a/0.JPG')
    with pytest.raises(ValueError, match=r'0.JPG is a JPEG file, .*save masks as PNG'):
        SourceDataset(dataset(root, has_mask=True), 'labeled')
