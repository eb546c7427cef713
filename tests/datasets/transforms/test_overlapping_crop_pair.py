import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmseg.registry import TRANSFORMS

from mmseg_labelfree.datasets import seeded_draw
from mmseg_labelfree.datasets.samplers.seeded import SeededIndex


def sample(height, width, labels=True):
    """An image whose pixels tell their place."""
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([rows, columns, rows * 0], 2).astype(np.uint8)
    results = dict(img=image, img_path='a.png', seg_fields=[])
    if labels:
        results.update(gt_seg_map=columns.astype(np.uint8), seg_fields=['gt_seg_map'])
    return results


def build(**kwargs):
    return TRANSFORMS.build(dict(type='OverlappingCropPair', **kwargs))


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(20, 60), st.integers(20, 60)),
    crop=st.tuples(st.integers(4, 20), st.integers(4, 20)),
    shift=st.integers(0, 3),
    flip=st.sampled_from([0.0, 1.0]),
    seed=st.integers(0, 1000),
)
def test_crops_are_parts_of_the_image_and_overlap_as_said(
    size, crop, shift, flip, seed
):
    np.random.seed(seed)
    pair = build(crop_size=crop, max_shift=shift, scale_range=(1, 1), flip_prob=flip)
    original = sample(*size)
    out = pair(dict(original))
    height, width = crop
    assert out['img'].shape == (2 * height, width, 3)
    assert out['gt_seg_map'].shape == out['img_shape'] == (2 * height, width)
    image = original['img'][:, ::-1] if flip else original['img']
    places = []
    for index in range(2):
        part = out['img'][index * height : (index + 1) * height]
        labels = out['gt_seg_map'][index * height : (index + 1) * height]
        top = int(part[0, 0, 0])
        column = int(part[0, 0, 1])
        left = size[1] - 1 - column if flip else column
        expected = image[top : top + height, left : left + width]
        assert np.array_equal(part, expected)
        assert np.array_equal(labels, expected[..., 1])
        places.append((top, left))
    assert np.abs(np.subtract(*places)).max() <= shift
    common = [
        out['img'][i * height : (i + 1) * height][t:b, left:right]
        for i, (t, left, b, right) in enumerate(out['crop_overlap'])
    ]
    assert common[0].size > 0 and np.array_equal(*common)
    down, right = np.subtract(places[1], places[0])
    assert common[0].shape[:2] == (height - abs(down), width - abs(right))


def test_sides_are_scaled_independently_within_the_range():
    np.random.seed(0)
    pair = build(crop_size=8, max_shift=4, scale_range=(0.8, 1.2))
    factors = np.array([pair(sample(50, 40))['scale_factor'] for _ in range(200)])
    assert factors.min() >= 0.78 and factors.max() <= 1.22
    assert factors.min() < 0.83 and factors.max() > 1.17
    assert abs(np.corrcoef(factors.T)[0, 1]) < 0.2


def test_shifts_and_flips_are_spread_evenly():
    np.random.seed(0)
    pair = build(crop_size=8, max_shift=2, scale_range=(1, 1))
    outs = [pair(sample(40, 40, labels=False)) for _ in range(400)]
    flips = np.mean([out['flip'] for out in outs])
    assert 0.4 < flips < 0.6
    shifts = [np.subtract(*[box[:2] for box in out['crop_overlap']]) for out in outs]
    assert {tuple(s) for s in shifts} == {
        (y, x) for y in range(-2, 3) for x in range(-2, 3)
    }


def test_a_crop_larger_than_the_image():
    pair = build(crop_size=30, max_shift=4, scale_range=(1, 1))
    with pytest.raises(ValueError) as error:
        pair(sample(40, 20))
    text = str(error.value)
    assert text.startswith('a.png: a crop of 30x30 is larger than the image of 20x40')
    assert 'enlarge_small=True' in text and '\n' not in text
    pair = build(crop_size=30, max_shift=4, scale_range=(1, 1), enlarge_small=True)
    out = pair(sample(40, 20))
    assert out['img'].shape == (60, 30, 3)
    assert out['scale_factor'] == (1.5, 1.5)


def test_same_draw_same_pair():
    pair = build(crop_size=8, max_shift=4)
    outs = []
    for _ in range(2):
        np.random.rand()
        with seeded_draw(SeededIndex(0, (1, 2, 3))):
            outs.append(pair(sample(40, 40)))
    assert np.array_equal(outs[0]['img'], outs[1]['img'])
    assert 'max_shift=4' in repr(pair)


def test_bad_arguments_and_labels():
    for kwargs, message in (
        (dict(crop_size=8, max_shift=8), 'below the crop size'),
        (dict(scale_range=(1.2, 0.8)), 'scale_range must rise'),
        (dict(flip_prob=2), 'is no probability'),
    ):
        with pytest.raises(ValueError, match=message):
            build(**kwargs)
    results = sample(40, 40)
    results['gt_seg_map'] = results['gt_seg_map'][:39]
    with pytest.raises(ValueError, match='gt_seg_map .39, 40. differ in size'):
        build(crop_size=8, max_shift=4)(results)
