import copy

import numpy as np
import pytest
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_labelfree.datasets import ZeroLabelDataset

CLASSES = ('background', 'square', 'bar', 'dot', 'frame')
SPLIT = dict(seen=['dot', 'square'], unseen=['bar'])  # frame is in neither
LABELS = np.array([[0, 1, 2], [3, 4, 255]], np.uint8)


@pytest.fixture
def inner(tmp_path):
    for folder in ('img', 'ann'):
        (tmp_path / folder).mkdir()
    Image.fromarray(np.zeros((2, 3, 3), np.uint8)).save(tmp_path / 'img/a.png')
    Image.fromarray(LABELS).save(tmp_path / 'ann/a.png')
    return dict(
        type='BaseSegDataset',
        metainfo=dict(classes=CLASSES, palette=[[i] * 3 for i in range(5)]),
        data_root=str(tmp_path),
        img_suffix='.png',
        data_prefix=dict(img_path='img', seg_map_path='ann'),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='Pad', size=(4, 2), pad_val=dict(img=0, seg=255)),
            dict(type='PackSegInputs'),
        ],
    )


def labels(inner, **kwargs):
    dataset = DATASETS.build(
        dict(type='ZeroLabelDataset', dataset=inner, split=SPLIT, **kwargs)
    )
    return dataset, dataset[0]['data_samples'].gt_sem_seg.data[0].tolist()


@pytest.mark.parametrize(
    ('settings', 'expected'),
    [
        ({}, [[254, 1, 254], [0, 254, 254]]),
        (dict(void='ignore'), [[254, 1, 254], [0, 254, 255]]),
        (dict(background='ignore'), [[255, 1, 254], [0, 254, 255]]),
        (dict(background='ignore', void='unlabeled'), [[255, 1, 254], [0, 254, 254]]),
        (dict(background='seen'), [[0, 2, 0], [1, 0, 255]]),
    ],
)
def test_training_labels(inner, settings, expected):
    dataset, got = labels(inner, **settings)
    assert [row[:3] for row in got] == expected
    assert [row[3] for row in got] == [255, 255]  # padding is never unlabeled
    first = ('background',) if settings.get('background') == 'seen' else ()
    assert dataset.metainfo['classes'] == (*first, 'dot', 'square', 'bar')
    assert dataset.metainfo['unseen'] == ('bar',)
    assert dataset.metainfo['palette'][-1] == [2, 2, 2]


@pytest.mark.parametrize(
    ('background', 'expected'),
    [
        ('unlabeled', [[255, 1, 2], [0, 255, 255]]),
        ('ignore', [[255, 1, 2], [0, 255, 255]]),
        ('seen', [[0, 2, 3], [1, 255, 255]]),
    ],
)
def test_test_labels_hold_unseen_classes(inner, background, expected):
    _, got = labels(dict(inner, test_mode=True), background=background)
    assert [row[:3] for row in got] == expected


def test_pseudo_labels_fill_what_is_unlabeled(inner, tmp_path):
    (tmp_path / 'pseudo').mkdir()
    for background, bar in (('unlabeled', 2), ('seen', 3)):
        pseudo = np.array([[bar, bar, 255], [bar, 255, bar]], np.uint8)
        Image.fromarray(pseudo).save(tmp_path / 'pseudo/a.png')
        settings = dict(background=background, pseudo_labels=str(tmp_path / 'pseudo'))
        _, got = labels(inner, **settings)
        if background == 'unlabeled':
            assert [row[:3] for row in got] == [[2, 1, 254], [0, 254, 2]]
        else:  # only background is filled, void is not
            assert [row[:3] for row in got] == [[3, 2, 0], [1, 0, 255]]
        _, tested = labels(dict(inner, test_mode=True), **settings)
        assert 254 not in np.array(tested)


def test_given_object_is_not_changed(inner):
    dataset = DATASETS.build(copy.deepcopy(inner))
    before = len(dataset.pipeline.transforms)
    wrapped = ZeroLabelDataset(dataset, SPLIT)
    assert len(dataset.pipeline.transforms) == before
    assert len(wrapped) == 1 and wrapped[0]['data_samples'].metainfo['source']


def test_mistakes(inner):
    with pytest.raises(ValueError, match="class 'bird' of split custom_1-1 is not in"):
        ZeroLabelDataset(inner, dict(seen=['bird'], unseen=['bar']))
    with pytest.raises(ValueError, match="background='black' is unknown"):
        ZeroLabelDataset(inner, SPLIT, background='black')
    with pytest.raises(ValueError, match='no LoadAnnotations'):
        ZeroLabelDataset(dict(inner, pipeline=[]), SPLIT)
    wrong = dict(inner, metainfo=dict(classes=CLASSES[:3], palette=[[0] * 3] * 3))
    with pytest.raises(ValueError, match=r'the values \[3, 4\], which are no class'):
        ZeroLabelDataset(wrong, dict(seen=['square'], unseen=['bar']))
