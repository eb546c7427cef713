import numpy as np
import pytest
from mmseg.registry import TRANSFORMS


@pytest.fixture
def crop():
    return TRANSFORMS.build(dict(type='RandomPlaceCrop', size=(20, 30)))


def sample(height, width):
    """Every pixel has a color and a label of its own, none black."""
    numbers = np.arange(height * width).reshape(height, width)
    image = np.stack([numbers % 256, numbers // 256, np.full_like(numbers, 9)], 2)
    return dict(
        img=image.astype(np.uint8),
        gt_seg_map=(numbers % 251).astype(np.uint8),
        seg_fields=['gt_seg_map'],
    )


@pytest.mark.parametrize('size', [(20, 30), (12, 18), (40, 50), (40, 18), (12, 50)])
def test_the_box_shows_a_part_of_the_image(crop, size):
    np.random.seed(0)
    for _ in range(20):
        before = sample(*size)
        after = crop(sample(*size))
        top, bottom, left, right = after['box']
        assert after['img'].shape == (20, 30, 3)
        assert after['img_shape'] == (20, 30)
        assert bottom - top == min(20, size[0])
        assert right - left == min(30, size[1])
        shown = after['img'][top:bottom, left:right]
        first = int(shown[0, 0, 0]) + 256 * int(shown[0, 0, 1])
        y, x = divmod(first, size[1])
        part = slice(y, y + bottom - top), slice(x, x + right - left)
        assert np.array_equal(shown, before['img'][part])
        labels = after['gt_seg_map']
        assert np.array_equal(
            labels[top:bottom, left:right], before['gt_seg_map'][part]
        )
        outside = np.ones((20, 30), bool)
        outside[top:bottom, left:right] = False
        assert not after['img'][outside].any()
        assert (labels[outside] == 255).all()


@pytest.mark.parametrize('size', [(18, 33), (23, 28)])
def test_every_place_is_drawn(crop, size):
    np.random.seed(0)
    found = [crop(sample(*size)) for _ in range(200)]
    places = {(*x['box'], *x['img'][x['box'][0], x['box'][2]].tolist()) for x in found}
    rows, columns = abs(size[0] - 20) + 1, abs(size[1] - 30) + 1
    assert len(places) == rows * columns


def test_the_place_follows_the_seed(crop):
    places = []
    for _ in range(2):
        np.random.seed(7)
        places.append([crop(sample(12, 50))['box'] for _ in range(5)])
    assert places[0] == places[1]


def test_without_label_maps(crop):
    results = crop(dict(img=np.ones((12, 50, 3), np.uint8)))
    assert 'gt_seg_map' not in results


@pytest.mark.parametrize('size', [(20,), (0, 30)])
def test_bad_sizes(size):
    with pytest.raises(ValueError, match='size must be a height and a width'):
        TRANSFORMS.build(dict(type='RandomPlaceCrop', size=size))
