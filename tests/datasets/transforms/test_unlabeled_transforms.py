import numpy as np
import pytest
from mmengine.dataset import Compose

from mmseg_labelfree.datasets.transforms import (
    FillLabels,
    edit_pipeline,
    without_annotations,
)

LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]


def test_fill_labels():
    fill = FillLabels(254)
    results = dict(img=np.zeros((3, 5, 3), np.uint8), seg_map_path='x.png')
    results = fill(fill(results))
    assert results['gt_seg_map'].dtype == np.uint8
    assert (results['gt_seg_map'] == np.full((3, 5), 254)).all()
    assert results['seg_fields'] == ['gt_seg_map'] and 'seg_map_path' not in results
    assert repr(fill) == 'FillLabels(value=254)'
    with pytest.raises(ValueError, match='value=256'):
        FillLabels(256)


def names(transforms):
    return [names(t) if isinstance(t, list) else type(t).__name__ for t in transforms]


def test_nested_pipelines_are_edited():
    flip = [dict(type='RandomFlip', prob=0.5)]
    choice = dict(type='RandomChoice', transforms=[LOAD, flip])
    pipeline = Compose([*LOAD, choice])
    edited = without_annotations(pipeline)
    assert names(edited.transforms) == [
        'LoadImageFromFile',
        'FillLabels',
        'RandomChoice',
    ]
    inside = [names(t.transforms) for t in edited.transforms[2].transforms]
    assert inside == [['LoadImageFromFile', 'FillLabels'], ['RandomFlip']]
    assert names(pipeline.transforms) == [
        'LoadImageFromFile',
        'LoadAnnotations',
        'RandomChoice',
    ]
    assert edited.transforms[0] is pipeline.transforms[0]


def test_points_are_left_out_as_masks_are(tmp_path):
    points = dict(type='LoadPointAnnotations', ann_file=str(tmp_path))
    edited = without_annotations(Compose([*LOAD, points]))
    assert names(edited.transforms) == ['LoadImageFromFile', 'FillLabels']


def test_test_time_augmentation_is_edited():
    tta = dict(
        type='TestTimeAug',
        transforms=[
            [dict(type='Resize', scale=(4, 4))],
            [dict(type='LoadAnnotations')],
        ],
    )
    pipeline = Compose([dict(type='LoadImageFromFile'), tta])
    kinds = []

    def note(transform):
        kinds.append(type(transform).__name__)
        return [transform]

    edit_pipeline(pipeline, note)
    assert kinds.count('Resize') == kinds.count('LoadAnnotations') == 1
    assert not any(
        'LoadAnnotations' in names(sub.transforms)
        for sub in without_annotations(pipeline).transforms[2].subroutines
    )
