import json
import pickle

import numpy as np
import pytest
from mmengine.dataset import Compose
from mmseg.datasets import BaseSegDataset
from mmseg.registry import TRANSFORMS
from PIL import Image

SIZE = 10, 20
VOID = -1


def build(kind, **settings):
    return TRANSFORMS.build(dict(type=kind, **settings))


def sample(name='a', **more):
    return dict(
        img=np.zeros((*SIZE, 3), np.uint8),
        ori_shape=SIZE,
        img_path=f'x/{name}.jpg',
        seg_fields=[],
        reduce_zero_label=False,
        label_map=None,
        **more,
    )


def found(labels):
    """The labeled pixels as {(x, y): label}."""
    return {(x, y): int(labels[y, x]) for y, x in np.argwhere(labels < 254).tolist()}


@pytest.fixture
def points(tmp_path):
    """Writes a file of points, each (class, x, y), of images by name."""
    path = tmp_path / 'points.json'

    def write(**images):
        path.write_text(
            json.dumps(
                {
                    name: [dict(cls=c, x=x, y=y) for c, x, y in rows]
                    for name, rows in images.items()
                }
            )
        )
        return path

    return write


def test_points_from_json(points):
    path = points(a=[(12, 3, 4), (8, 19, 9)], b=[(1, 0, 0)])
    transform = build('LoadPointAnnotations', ann_file=str(path))
    results = transform(sample())
    labels = results['gt_seg_map']
    assert labels.dtype == np.uint8 and labels.shape == SIZE
    assert found(labels) == {(3, 4): 12, (19, 9): 8}
    assert (labels == 254).sum() == 198
    assert results['seg_fields'] == ['gt_seg_map']
    assert results['image_classes'] == (8, 12)
    assert found(transform(sample('b'))['gt_seg_map']) == {(0, 0): 1}
    copy = pickle.loads(pickle.dumps(transform))
    assert (copy(sample())['gt_seg_map'] == labels).all()
    assert transform.skipped == {}


def test_radius(points):
    path = points(a=[(12, 0, 4)])
    labels = build('LoadPointAnnotations', ann_file=path, radius=2)(sample())
    want = {(x, y): 12 for x in range(3) for y in range(2, 7)}
    assert found(labels['gt_seg_map']) == want


@pytest.mark.parametrize(
    'classes, kept',
    [
        (['background', 'dog', 'cat'], {(3, 4): 1, (5, 5): 2}),
        ([0, 12, 8], {(3, 4): 1, (5, 5): 2}),
        (dict(dog=7), {(3, 4): 7}),
        ({8: 0, 'dog': 2}, {(3, 4): 2, (5, 5): 0}),
    ],
)
def test_subset_of_classes(points, classes, kept):
    path = points(a=[(12, 3, 4), (8, 5, 5), (15, 6, 6)])
    labels = build('LoadPointAnnotations', ann_file=path, classes=classes)(sample())
    assert found(labels['gt_seg_map']) == kept
    assert (labels['gt_seg_map'] != 255).all()


def test_a_class_can_be_ignored(points):
    path = points(a=[(12, 3, 4), (15, 6, 6)])
    transform = build('LoadPointAnnotations', ann_file=path, classes={12: 1, 15: 255})
    labels = transform(sample())['gt_seg_map']
    assert labels[6, 6] == 255 and (labels == 255).sum() == 1 and labels[4, 3] == 1


def test_label_map_of_the_dataset(points):
    path = points(a=[(12, 3, 4), (8, 5, 5)])
    results = sample()
    results['label_map'] = {c: 255 for c in range(21)} | {0: 0, 12: 1}
    results = build('LoadPointAnnotations', ann_file=path)(results)
    labels = results['gt_seg_map']
    assert labels[4, 3] == 1 and labels[5, 5] == 255 and labels[0, 0] == 254
    assert results['label_map'] is None


@pytest.mark.parametrize('form', ['rows', 'map'])
def test_points_from_arrays(tmp_path, form):
    # ADE20K: 1 to 150 in the file, and the dataset reduces the labels by one.
    if form == 'rows':
        array = np.array([[4, 3, 1], [9, 19, 150]])
    else:
        array = np.zeros(SIZE, np.int64)
        array[4, 3], array[9, 19] = 1, 150
    np.save(tmp_path / 'a.npy', array)
    transform = build('LoadPointAnnotations', ann_file=tmp_path, source_classes=151)
    results = sample()
    results['reduce_zero_label'] = True
    results = transform(results)
    assert found(results['gt_seg_map']) == {(3, 4): 0, (19, 9): 149}
    assert results['reduce_zero_label'] is False
    assert found(transform(sample())['gt_seg_map']) == {(3, 4): 1, (19, 9): 150}


BAD_POINTS = [
    (
        [(12, 20, 4)],
        r'points.json, image a: point \(x=20, y=4\) of class 12 is outside '
        r'the image of 20x10 pixels. .*invalid=.skip',
    ),
    ([(12, 3, -1)], r'y=-1\) of class 12 is outside'),
    ([(21, 3, 4)], r'class of point \(x=3, y=4\) of class 21 is not 0 to 20'),
    ([(-2, 3, 4)], 'of class -2 is not 0 to 20'),
    ([('dog', 3, 4)], 'is not a point with the whole number "cls"'),
    ([], 'image a: no annotation of this image'),
]


@pytest.mark.parametrize('rows, message', BAD_POINTS)
def test_bad_points(points, rows, message):
    path = points(a=rows, b=[(1, 0, 0)])
    with pytest.raises(ValueError, match=message):
        build('LoadPointAnnotations', ann_file=path)(sample())
    transform = build('LoadPointAnnotations', ann_file=path, invalid='skip')
    for _ in range(2):
        assert (transform(sample())['gt_seg_map'] == 255).all()
    assert transform.skipped == {'a': 1}
    assert (transform(sample('b'))['gt_seg_map'] == 255).sum() == 0


def test_unlabeled_pixels_stay_if_no_class_was_lost(points):
    path = points(
        same=[(12, 3, 4), (12, 30, 4)],
        lost=[(12, 3, 4), (8, 30, 4)],
        dropped=[(12, 3, 4), (15, 30, 4)],
    )
    transform = build(
        'LoadPointAnnotations', ann_file=path, invalid='skip', classes={12: 1, 8: 2}
    )
    for name, rest in (('same', 254), ('lost', 255), ('dropped', 254)):
        labels = transform(sample(name))['gt_seg_map']
        assert labels[4, 3] == 1 and (labels == rest).sum() == 199
    assert transform.skipped == dict(same=1, lost=1, dropped=1)


def test_faults_are_logged_once_per_file(points, monkeypatch):
    messages = []
    monkeypatch.setattr(
        'mmseg_labelfree.datasets.transforms.weak.loader.print_log',
        lambda message, *_: messages.append(message),
    )
    path = points(a=[(12, 30, 4), (8, 30, 4)], b=[(12, 3, 99)])
    transform = build('LoadPointAnnotations', ann_file=path, invalid='skip')
    for name in 'aabb':
        transform(sample(name))
    (message,) = messages
    assert 'points.json, image a: point (x=30, y=4)' in message
    assert '(2 faults in this image)' in message
    assert transform.skipped == dict(a=2, b=1)


@pytest.mark.parametrize(
    'array, message',
    [
        (np.zeros((4, 5), int), 'made for 5x4 pixels, but the image has 20x10'),
        (np.zeros(SIZE, int), 'no annotation'),
        (np.zeros((0, 3), int), 'no annotation'),
        (np.zeros(SIZE), 'neither an integer label map'),
        (np.array([[4, 3, 151]]), 'class 151 is not 0 to 150'),
        (None, 'a.npy, image a: no annotation'),
    ],
)
def test_bad_arrays(tmp_path, array, message):
    if array is not None:
        np.save(tmp_path / 'a.npy', array)
    settings = dict(ann_file=tmp_path, source_classes=151)
    with pytest.raises(ValueError, match=message):
        build('LoadPointAnnotations', **settings)(sample())
    transform = build('LoadPointAnnotations', invalid='skip', **settings)
    assert (transform(sample())['gt_seg_map'] == 255).all()
    assert transform.skipped == {'a': 1}


def write_xml(folder, *strokes, name='a', size=SIZE):
    polygons = ''.join(
        f'<polygon><tag>{tag}</tag>'
        + ''.join(f'<point><X>{x}</X><Y>{y}</Y></point>' for x, y in corners)
        + '</polygon>'
        for tag, corners in strokes
    )
    (folder / f'{name}.xml').write_text(
        f'<annotation><size><width>{size[1]}</width><height>{size[0]}</height></size>'
        f'{polygons}</annotation>'
    )


def test_scribbles_from_xml(tmp_path):
    write_xml(
        tmp_path,
        ('dog', [(2, 3), (6, 3)]),
        ('background', [(0, 9)]),
        ('sofa', [(9, 1), (9, 5)]),
    )
    settings = dict(folder=tmp_path, width=1)
    labels = build('LoadScribbleAnnotations', **settings)(sample())['gt_seg_map']
    want = {(x, 3): 12 for x in range(2, 7)} | {(0, 9): 0}
    assert found(labels) == want | {(9, y): 18 for y in range(1, 6)}
    labels = build(
        'LoadScribbleAnnotations', classes=['background', 'dog'], **settings
    )(sample())['gt_seg_map']
    assert found(labels) == {(x, 3): 1 for x in range(2, 7)} | {(0, 9): 0}
    wide = build('LoadScribbleAnnotations', folder=str(tmp_path))(sample())
    assert (wide['gt_seg_map'][2:5, 2:7] == 12).all()


@pytest.mark.parametrize(
    'strokes, size, message',
    [
        (
            [('dog', [(2, 3), (20, 3)])],
            SIZE,
            r"a.xml, image a: a stroke of 'dog' has the corner \(x=20, y=3\) outside",
        ),
        ([('unicorn', [(2, 3)])], SIZE, "unknown class 'unicorn'"),
        ([('', [(2, 3)])], SIZE, 'no tag'),
        ([('dog', [('a', 3)])], SIZE, 'no points with numbers'),
        ([], SIZE, 'no annotation'),
        ([('dog', [(2, 3)])], (5, 5), 'made for 5x5 pixels'),
        ([('dog', [(2, 3)])], ('?', 5), 'not whole numbers'),
    ],
)
def test_bad_scribbles(tmp_path, strokes, size, message):
    write_xml(tmp_path, *strokes, size=size)
    with pytest.raises(ValueError, match=message):
        build('LoadScribbleAnnotations', folder=tmp_path)(sample())
    transform = build('LoadScribbleAnnotations', folder=tmp_path, invalid='skip')
    assert (transform(sample())['gt_seg_map'] == 255).all()
    assert transform.skipped == {'a': 1}


@pytest.mark.parametrize('content', [None, '', '<annotation>'])
def test_missing_or_unreadable_scribbles(tmp_path, content):
    message = 'no annotation'
    if content is not None:
        (tmp_path / 'a.xml').write_text(content)
        message = 'a.xml, image a: not XML'
    with pytest.raises(ValueError, match=message):
        build('LoadScribbleAnnotations', folder=tmp_path)(sample())
    transform = build('LoadScribbleAnnotations', folder=tmp_path, invalid='skip')
    assert (transform(sample())['gt_seg_map'] == 255).all()


def write_mask(folder, mask):
    Image.fromarray(np.asarray(mask, np.uint8)).save(folder / 'a.png')


def test_scribbles_from_masks(tmp_path):
    mask = np.full(SIZE, 255)
    mask[2, 3:6], mask[9], mask[0, 0] = 12, 0, 8
    write_mask(tmp_path, mask)
    settings = dict(folder=tmp_path, suffix='.png')
    labels = build('LoadScribbleAnnotations', **settings)(sample())['gt_seg_map']
    assert (labels == np.where(mask == 255, 254, mask)).all()
    assert labels.dtype == np.uint8
    labels = build(
        'LoadScribbleAnnotations', classes={'background': 0, 'dog': 1}, **settings
    )(sample())['gt_seg_map']
    assert (labels[2, 3:6] == 1).all() and labels[0, 0] == 254


@pytest.mark.parametrize(
    'mask, message',
    [
        (np.full(SIZE, 255), 'no annotation'),
        (np.zeros((3, 4)), 'made for 4x3 pixels'),
        (np.full(SIZE, 21), r'classes \[21\] are not 0 to 20'),
        ('text', 'no readable image'),
        (None, 'no annotation'),
    ],
)
def test_bad_masks(tmp_path, mask, message):
    if isinstance(mask, str):
        (tmp_path / 'a.png').write_text(mask)
    elif mask is not None:
        write_mask(tmp_path, mask)
    settings = dict(folder=tmp_path, suffix='.png')
    with pytest.raises(ValueError, match=message):
        build('LoadScribbleAnnotations', **settings)(sample())
    transform = build('LoadScribbleAnnotations', invalid='skip', **settings)
    assert (transform(sample())['gt_seg_map'] == 255).all()


def test_bad_settings(points, tmp_path):
    path = points(a=[(1, 0, 0)])
    for settings, error, message in (
        (
            dict(ann_file=tmp_path / 'no.json'),
            FileNotFoundError,
            'no.json does not exist',
        ),
        (dict(ann_file=path, radius=-1), ValueError, 'radius'),
        (dict(ann_file=path, invalid='drop'), ValueError, "'raise' or 'skip'"),
        (dict(ann_file=path, source_classes=255), ValueError, '1 to 254 classes'),
        (dict(ann_file=path, classes=['doge']), ValueError, "'doge' is not one of"),
        (dict(ann_file=path, classes={21: 1}), ValueError, '21 is not one of'),
        (dict(ann_file=path, classes={1: 254}), ValueError, 'label 254 of 1 is not'),
    ):
        with pytest.raises(error, match=message):
            build('LoadPointAnnotations', **settings)
    for settings, error, message in (
        (dict(folder=path), FileNotFoundError, 'no folder .*points.json'),
        (dict(folder=tmp_path, suffix='.bmp'), ValueError, "got '.bmp'"),
        (dict(folder=tmp_path, width=0), ValueError, 'width'),
        (dict(folder=tmp_path, source_classes=5), ValueError, 'class names'),
    ):
        with pytest.raises(error, match=message):
            build('LoadScribbleAnnotations', **settings)


def test_refuses_images_that_were_resized_before(points):
    transform = build('LoadPointAnnotations', ann_file=points(a=[(1, 0, 0)]))
    small = dict(sample(), img=np.zeros((5, 10, 3), np.uint8))
    for wrong in (small, dict(img_path='a.jpg')):
        with pytest.raises(ValueError, match='before any that changes the size'):
            transform(wrong)


def test_in_the_pipeline_of_a_dataset(boxes_root, tmp_path):
    # Every image gets the same points; crops, flips and resizing only move them.
    names = (boxes_root / 'ImageSets/Segmentation/train.txt').read_text().split()
    path = tmp_path / 'points.json'
    path.write_text(json.dumps({n: [dict(cls=2, x=9, y=9)] for n in names}))
    dataset = BaseSegDataset(
        data_root=str(boxes_root),
        ann_file='ImageSets/Segmentation/train.txt',
        data_prefix=dict(img_path='JPEGImages'),
        metainfo=dict(classes=('a', 'b', 'c')),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadPointAnnotations', ann_file=str(path), radius=1),
            dict(type='RandomResize', scale=(64, 64), ratio_range=(1, 1)),
            dict(type='RandomFlip', prob=1.0),
            dict(type='PackSegInputs'),
        ],
    )
    assert isinstance(dataset.pipeline, Compose)
    labels = dataset[0]['data_samples'].gt_sem_seg.data[0].numpy()
    want = np.full((64, 64), 254)
    want[16:22, 42:48] = 2
    assert (labels == want).all()
    for kind in ('LoadPointAnnotations', 'LoadScribbleAnnotations'):
        settings = dict(ann_file=path) if 'Point' in kind else dict(folder=tmp_path)
        assert repr(build(kind, **settings)).startswith(kind)
