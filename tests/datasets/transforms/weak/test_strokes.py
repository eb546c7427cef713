import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from mmseg_labelfree.datasets.transforms.weak.strokes import (
    components,
    image_rng,
    inner_point,
    longest_path,
    stroke,
)

EIGHT = np.ones((3, 3))
label_maps = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=14),
    elements=st.sampled_from([0, 0, 1, 2, 254, 255]),
)


def blob(seed, side=60):
    """One irregular component, tight in its patch."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).random((side, side)), 3)
    number, _ = ndimage.label(noise > np.median(noise), EIGHT)
    mask = number == np.bincount(number.ravel())[1:].argmax() + 1
    return mask[ndimage.find_objects(mask.astype(int))[0]]


@given(label_maps)
@settings(deadline=None)
def test_components_agree_with_scipy(labels):
    found = list(components(labels, skip={254, 255}))
    covered = np.zeros(labels.shape, int)
    for value, window, mask in found:
        covered[window] += mask
        assert (labels[window][mask] == value).all()
        assert ndimage.label(mask, EIGHT)[1] == 1
        assert mask.any(0).all() and mask.any(1).all()
    assert (covered == (labels < 254)).all()
    count = sum(ndimage.label(labels == c, EIGHT)[1] for c in (0, 1, 2))
    assert len(found) == count


@given(label_maps, st.integers(1, 20))
@settings(deadline=None)
def test_every_class_keeps_its_largest_component(labels, min_area):
    everything = list(components(labels, {0, 254, 255}))
    for largest in (False, True):
        kept = list(components(labels, {0, 254, 255}, min_area, largest))
        for value in {c.value for c in everything}:
            areas = sorted(c.mask.sum() for c in everything if c.value == value)
            got = sorted(c.mask.sum() for c in kept if c.value == value)
            large = [] if largest else [a for a in areas if a >= min_area]
            assert got == (large or areas[-1:])


def test_threads_do_not_change_the_order():
    labels = np.random.default_rng(0).integers(0, 3, (300, 400), np.uint8)
    threads, results = cv2.getNumThreads(), []
    try:
        for count in (1, 4):
            cv2.setNumThreads(count)
            results.append([(c.value, c.window) for c in components(labels, set())])
    finally:
        cv2.setNumThreads(threads)
    assert results[0] == results[1]


@pytest.mark.parametrize('seed', range(5))
def test_points_are_drawn_evenly_from_the_inner_half(seed):
    mask = blob(seed, side=24)
    distance = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    rng = np.random.default_rng(seed)
    drawn = {inner_point(mask, rng) for _ in range(3000)}
    # The points' distances are those of a 5 x 5 mask, exact to about 2 %.
    median = np.median(distance[mask])
    assert all(mask[y, x] and distance[y, x] >= 0.97 * median for x, y in drawn)
    surely_inner = np.argwhere(mask & (distance > 1.03 * median))
    assert {(x, y) for y, x in surely_inner.tolist()} <= drawn


def test_a_point_in_the_smallest_component():
    assert inner_point(np.ones((1, 1), bool), np.random.default_rng(0)) == (0, 0)


@pytest.mark.parametrize('seed', range(12))
@pytest.mark.parametrize('side, width', [(40, 1), (60, 3), (300, 5), (500, 3)])
def test_stroke_is_connected_inside_and_long(seed, side, width):
    small = blob(seed)
    mask = cv2.resize(small.view(np.uint8), None, fx=side / 60, fy=side / 60)
    number, _ = ndimage.label(mask, EIGHT)
    mask = number == np.bincount(number.ravel())[1:].argmax() + 1
    line = stroke(mask, np.random.default_rng(seed), width, trim=0.0)
    assert line.dtype == bool and line.shape == mask.shape
    assert not (line & ~mask).any()
    assert ndimage.label(line, EIGHT)[1] == 1
    # At least half as long as the radius of a disc of the same area is wide.
    extent = np.ptp(np.argwhere(line), axis=0).max()
    assert extent > np.sqrt(mask.sum() / np.pi) / 2


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)))
@settings(deadline=None, max_examples=80)
def test_stroke_of_any_shape(mask):
    number, count = ndimage.label(mask, EIGHT)
    for i, window in enumerate(ndimage.find_objects(number)):
        part = number[window] == i + 1
        line = stroke(part, np.random.default_rng(0), width=3, trim=0.4)
        assert line.any() and not (line & ~part).any()
        assert ndimage.label(line, EIGHT)[1] == 1


def test_wide_stroke_does_not_jump_over_a_gap():
    mask = np.zeros((9, 30), bool)
    mask[:5] = True
    mask[6:] = True
    mask[5, 28] = True
    line = stroke(mask, np.random.default_rng(0), width=9, trim=0.0)
    assert ndimage.label(line, EIGHT)[1] == 1


def test_trim_cuts_the_ends():
    bar = np.ones((3, 101), bool)
    whole = stroke(bar, np.random.default_rng(1), width=1, trim=0.0).any(0).sum()
    lengths = [
        stroke(bar, np.random.default_rng(i), width=1, trim=0.2).any(0).sum()
        for i in range(20)
    ]
    assert len(set(lengths)) > 5
    assert 0.6 * whole <= min(lengths) and max(lengths) <= whole


def test_longest_path_of_a_tree():
    skeleton = np.zeros((9, 12), bool)
    skeleton[4, :10] = True  # the trunk
    skeleton[1:4, 5] = True  # a short branch
    skeleton[8, 11] = True  # apart
    path = longest_path(skeleton)
    assert sorted(path[[0, -1]].tolist()) == [[4, 0], [4, 9]]
    assert len(path) == 10
    assert (np.abs(np.diff(path, axis=0)).max(1) == 1).all()
    assert longest_path(np.ones((1, 1), bool)).tolist() == [[0, 0]]


def test_image_rng_depends_on_name_and_seed_alone():
    state = np.random.get_state()[1].copy()
    draws = {
        (name, seed): image_rng(name, seed).integers(2**60)
        for name in ('a', 'b')
        for seed in (0, 1)
    }
    assert len(set(draws.values())) == 4
    assert image_rng('a', 1).integers(2**60) == draws['a', 1]
    assert (np.random.get_state()[1] == state).all()
