import numpy as np
import pytest
from mmseg.registry import TRANSFORMS


def scaled(size, **settings):
    transform = TRANSFORMS.build(dict(type='RandomScale', **settings))
    labels = np.zeros(size, np.uint8)
    labels[:, size[1] // 2 :] = 9
    return transform(
        dict(
            img=np.zeros((*size, 3), np.uint8),
            img_shape=size,
            gt_seg_map=labels,
            seg_fields=['gt_seg_map'],
        )
    )


@pytest.mark.parametrize('size', [(375, 500), (500, 333), (120, 90)])
def test_factors_of_the_own_size_are_uniform(size):
    np.random.seed(0)
    factors = []
    for _ in range(200):
        results = scaled(size)
        height, width = results['img'].shape[:2]
        assert results['gt_seg_map'].shape == (height, width)
        assert set(np.unique(results['gt_seg_map'])) == {0, 9}
        assert height / width == pytest.approx(size[0] / size[1], rel=0.05)
        factors.append(height / size[0])
    assert 0.48 <= min(factors) < 0.53 and 1.95 < max(factors) <= 2.01
    # A third of the factors is below 1, half are below 1.25.
    assert np.mean(np.array(factors) < 1) == pytest.approx(1 / 3, abs=0.1)
    assert np.median(factors) == pytest.approx(1.25, abs=0.12)


def test_one_transform_serves_images_of_different_sizes():
    transform = TRANSFORMS.build(dict(type='RandomScale', ratio_range=(2, 2)))
    for size in ((30, 40), (50, 20), (30, 40)):
        image = transform(dict(img=np.zeros((*size, 3), np.uint8)))['img']
        assert image.shape[:2] == (2 * size[0], 2 * size[1])


@pytest.mark.parametrize('bounds', [(0, 1), (2, 1), (1,), (-1, 1)])
def test_bad_bounds(bounds):
    with pytest.raises(ValueError, match='smallest and a largest factor above 0'):
        scaled((10, 10), ratio_range=bounds)
