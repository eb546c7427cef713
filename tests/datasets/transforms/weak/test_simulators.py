import inspect
import random
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from mmseg.registry import TRANSFORMS
from scipy import ndimage

ROOT = Path(__file__).parents[3]
EIGHT = np.ones((3, 3))


def truth(seed, height=60, width=80):
    """Blobs of four classes, most of their borders void."""
    noise = np.random.default_rng(seed).random((4, height, width))
    labels = ndimage.gaussian_filter(noise, (0, 5, 5)).argmax(0).astype(np.uint8)
    border = ndimage.maximum_filter(labels, 2) != ndimage.minimum_filter(labels, 2)
    labels[border & (noise[0] < 0.9)] = 255
    return labels


def simulate(labels, kind, name='x/image.jpg', **settings):
    transform = TRANSFORMS.build(dict(type=kind, **settings))
    return transform(dict(gt_seg_map=labels, img_path=name))['gt_seg_map']


def components(labels, value):
    return ndimage.label(labels == value, EIGHT)


@pytest.mark.parametrize('seed', range(6))
@pytest.mark.parametrize('background', [False, True])
def test_one_point_per_component(seed, background):
    labels = truth(seed)
    weak = simulate(labels, 'SimulatePoints', background=background)
    assert weak.dtype == np.uint8 and weak.shape == labels.shape
    marked = weak < 254
    assert (weak[marked] == labels[marked]).all()
    assert (weak[~marked] == 254).all()
    for value in range(4):
        number, count = components(labels, value)
        hit = np.bincount(number[marked & (labels == value)], minlength=count + 1)[1:]
        assert (hit == (value > 0 or background)).all()


@pytest.mark.parametrize('seed', range(6))
def test_one_scribble_per_component(seed):
    labels = truth(seed)
    weak = simulate(labels, 'SimulateScribbles', width=3)
    for value in range(4):
        number, count = components(labels, value)
        for i in range(1, count + 1):
            line = (weak == value) & (number == i)
            assert ndimage.label(line, EIGHT)[1] == 1
        assert (labels[weak == value] == value).all()
    assert set(np.unique(weak)) <= {0, 1, 2, 3, 254}
    weak = simulate(labels, 'SimulateScribbles', background=False)
    assert not (weak == 0).any()


@pytest.mark.parametrize('kind', ['SimulatePoints', 'SimulateScribbles'])
def test_void(kind):
    labels = truth(0)
    assert (labels == 255).any()
    without = simulate(labels, kind)
    kept = simulate(labels, kind, void='ignore')
    assert not (without == 255).any()
    assert ((kept == 255) == (labels == 255)).all()
    assert (kept[labels != 255] == without[labels != 255]).all()
    assert (simulate(np.full((5, 6), 255, np.uint8), kind) == 254).all()


def test_per_class_and_min_area():
    labels = np.zeros((20, 30), np.uint8)
    labels[1:9, 1:9], labels[12:15, 2:5], labels[2, 20] = 1, 1, 2
    weak = simulate(labels, 'SimulatePoints', per='class')
    assert (weak[1:9, 1:9] == 1).sum() == 1 and (weak == 1).sum() == 1
    weak = simulate(labels, 'SimulatePoints', min_area=10)
    assert (weak == 1).sum() == 1 and weak[2, 20] == 2
    weak = simulate(labels, 'SimulatePoints')
    assert (weak == 1).sum() == 2
    # Squares are those of LoadPointAnnotations, which do not end at the object.
    weak = simulate(labels, 'SimulatePoints', radius=1, min_area=10)
    assert (weak[1:4, 19:22] == 2).all() and (weak == 1).sum() == 9


@pytest.mark.parametrize('kind', ['SimulatePoints', 'SimulateScribbles'])
def test_seed_and_name_decide(kind):
    labels = truth(1)
    first = simulate(labels, kind)
    assert (simulate(labels, kind, name='elsewhere/image.png') == first).all()
    assert (simulate(labels[:, ::-1][:, ::-1], kind) == first).all()
    assert (simulate(labels, kind, name='other.jpg') != first).any()
    assert (simulate(labels, kind, seed=1) != first).any()


@pytest.mark.slow
def test_same_in_another_process_and_order():
    random_state, numpy_state = random.getstate(), np.random.get_state()[1].copy()
    here = {}
    for kind in ('SimulatePoints', 'SimulateScribbles'):
        for seed in (3, 0, 2):
            labels = simulate(truth(seed), kind, name=f'{seed}.png')
            here[kind, seed] = zlib.crc32(labels.tobytes())
    assert random.getstate() == random_state
    assert (np.random.get_state()[1] == numpy_state).all()
    code = (
        inspect.getsource(truth)
        + """
from mmseg_labelfree.datasets import transforms
np.random.seed(99)
for seed in (0, 2, 3):
    for kind in ('SimulateScribbles', 'SimulatePoints'):
        transform = getattr(transforms, kind)()
        sample = dict(gt_seg_map=truth(seed), img_path=f'/d/{seed}.jpg')
        print('crc', kind, seed, zlib.crc32(transform(sample)['gt_seg_map'].tobytes()))
"""
    )
    imports = 'import zlib\nimport numpy as np\nfrom scipy import ndimage\n'
    done = subprocess.run(
        [sys.executable, '-c', imports + code], cwd=ROOT, capture_output=True, text=True
    )
    lines = [line.split() for line in done.stdout.splitlines() if line[:3] == 'crc']
    there = {(kind, int(seed)): int(crc) for _, kind, seed, crc in lines}
    assert there == here, done.stderr


def test_unlabeled_passes_through_map_labels():
    labels = truth(2)
    weak = simulate(labels, 'SimulatePoints')
    table = [0, 2, 1, 0] + [-1] * 250 + [254, 255]
    mapped = TRANSFORMS.build(dict(type='MapLabels', table=table))(
        dict(gt_seg_map=weak, img_path='a.jpg')
    )['gt_seg_map']
    assert ((mapped == 254) == (weak == 254)).all()
    assert ((mapped == 2) == (weak == 1)).all()


def test_bad_settings():
    for kind, settings, message in (
        ('SimulatePoints', dict(per='instance'), "'component' or 'class'"),
        ('SimulatePoints', dict(radius=-1), 'radius'),
        ('SimulatePoints', dict(seed=-1), 'seed'),
        ('SimulatePoints', dict(min_area=0), 'min_area'),
        ('SimulatePoints', dict(void='keep'), "'unlabeled' or 'ignore'"),
        ('SimulateScribbles', dict(width=2), 'odd number of pixels, got 2'),
        ('SimulateScribbles', dict(trim=0.5), 'trim'),
    ):
        with pytest.raises(ValueError, match=message):
            TRANSFORMS.build(dict(type=kind, **settings))
    transform = TRANSFORMS.build(dict(type='SimulateScribbles', seed=4))
    assert repr(transform).startswith('SimulateScribbles(seed=4, background=True')


@pytest.mark.parametrize('kind', ['SimulatePoints', 'SimulateScribbles'])
def test_classes_are_noted_before_the_crop(kind):
    labels = np.zeros((40, 40), np.uint8)
    labels[2:8, 2:8], labels[30:, 30:], labels[20, :] = 3, 7, 255
    results = dict(gt_seg_map=labels, img_path='x/a.jpg', img=np.zeros((40, 40, 3)))
    results['seg_fields'] = ['gt_seg_map']
    transform = TRANSFORMS.build(dict(type=kind, background=False, void='ignore'))
    crop = TRANSFORMS.build(dict(type='CenterCrop', crop_size=(10, 10)))
    results = crop(transform(results))
    assert set(np.unique(results['gt_seg_map'])) <= {254, 255}
    assert results['image_classes'] == (3, 7)
