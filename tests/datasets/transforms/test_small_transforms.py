import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmseg.registry import TRANSFORMS

from mmseg_labelfree.datasets.samplers.seeded import seed_everything


def sample(height, width):
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([rows, columns, rows + columns], -1).astype(np.uint8)
    label = (rows // 4 * 10 + columns // 4).astype(np.uint8)
    return dict(
        img=image, gt_seg_map=label, seg_fields=['gt_seg_map'], img_path='x.jpg'
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(8, 40), st.integers(8, 40), st.integers(0, 1000))
def test_random_area_crop(height, width, seed):
    crop = TRANSFORMS.build(
        dict(type='RandomAreaCrop', size=(12, 16), scale=(0.5, 2.0))
    )
    seed_everything((seed,))
    first = crop(sample(height, width))
    assert first['img'].shape == (12, 16, 3) and first['img_shape'] == (12, 16)
    assert first['gt_seg_map'].shape == (12, 16)
    assert set(np.unique(first['gt_seg_map'])) <= set(
        np.unique(sample(height, width)['gt_seg_map'])
    )
    # Image and label show the same place: the image holds the coordinates.
    rows = np.clip(np.rint(first['img'][..., 0]), 0, height - 1).astype(int)
    offset = np.abs(first['gt_seg_map'].astype(int) // 10 - rows // 4)
    assert offset[2:-2, 2:-2].max(initial=0) <= 1
    seed_everything((seed,))
    again = crop(sample(height, width))
    assert np.array_equal(first['img'], again['img'])
    assert 'RandomAreaCrop' in repr(crop)


def test_large_area_is_the_largest_crop_that_fits():
    crop = TRANSFORMS.build(
        dict(type='RandomAreaCrop', size=(32, 32), scale=(2.0, 2.0), ratio=(1, 1))
    )
    results = crop(sample(32, 48))
    assert np.array_equal(results['img'], sample(32, 48)['img'][:, 8:40])


def test_score_at_current_size():
    transform = TRANSFORMS.build(dict(type='ScoreAtCurrentSize'))
    results = transform(dict(sample(10, 12), ori_shape=(99, 99)))
    assert results['ori_shape'] == (10, 12)
    wrong = dict(sample(10, 12), gt_seg_map=np.zeros((5, 5), np.uint8))
    with pytest.raises(ValueError, match='x.jpg: image .* differ in size'):
        transform(wrong)
