import numpy as np
import pytest
from mmseg.registry import TRANSFORMS

LABELS = np.array([[0, 1, 2, 20, 255]], np.uint8)


@pytest.mark.parametrize(
    'settings, expected',
    [
        (dict(), [0, 1, 1, 1, 255]),
        (dict(classes=[1, 20]), [0, 1, 0, 1, 255]),
        (dict(classes=[1, 20], others=255), [0, 1, 255, 1, 255]),
        (dict(classes=[0]), [1, 0, 0, 0, 255]),
    ],
)
def test_object_masks(settings, expected):
    transform = TRANSFORMS.build(dict(type='ObjectMask', **settings))
    results = transform(dict(gt_seg_map=LABELS, ori_shape=(1, 5)))
    assert results['gt_seg_map'].tolist() == [expected]
    assert results['gt_seg_map'].dtype == np.uint8


@pytest.mark.parametrize(
    'settings, message',
    [
        (dict(classes=[]), r'other than 255, got \[\]'),
        (dict(classes=[3, 255]), r'other than 255, got \[3, 255\]'),
        (dict(others=3), 'others must be 0 or 255, got 3'),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        TRANSFORMS.build(dict(type='ObjectMask', **settings))
