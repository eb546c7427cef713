import numpy as np
import pytest
from mmseg.datasets.transforms import RandomCrop
from mmseg.registry import TRANSFORMS

from mmseg_labelfree.datasets.transforms import RareClassCrop


def sample(label, **more):
    label = np.asarray(label, np.uint8)
    image = np.repeat(label[..., None], 3, 2)
    return dict(img=image, gt_seg_map=label, seg_fields=['gt_seg_map'], **more)


def corner(size=40, side=8):
    """Class 3 in a corner, 1 and 2 elsewhere."""
    label = np.ones((size, size), np.uint8)
    label[:, size // 2 :] = 2
    label[-side:, -side:] = 3
    return label


@pytest.mark.parametrize('ratio', [1.0, 0.75])
def test_without_a_class_it_is_the_stock_crop(ratio):
    for seed in range(20):
        crops = []
        for crop in (RandomCrop((12, 16), ratio), RareClassCrop((12, 16), ratio)):
            np.random.seed(seed)
            crops.append(crop(sample(corner()))['gt_seg_map'])
        np.testing.assert_array_equal(*crops)


def test_draws_again_until_the_class_is_there():
    transform = TRANSFORMS.build(
        dict(type='RareClassCrop', crop_size=(12, 12), min_pixels=20)
    )
    hits, plain = 0, 0
    for seed in range(300):
        # The reference: the first of eleven stock crops with more than 20 pixels.
        np.random.seed(seed)
        stock = RandomCrop((12, 12))
        boxes = [stock.crop_bbox(sample(corner())) for _ in range(11)]
        found = [int((stock.crop(corner(), box) == 3).sum()) for box in boxes]
        expected = next((n for n in found if n > 20), found[-1])
        np.random.seed(seed)
        results = transform(sample(corner(), rare_class=3))
        assert (results['gt_seg_map'] == 3).sum() == expected
        assert results['img'].shape == (12, 12, 3)
        assert (results['img'][..., 0] == results['gt_seg_map']).all()
        hits += expected > 20
        plain += found[0] > 20
    assert hits > 4 * plain > 0


def test_limit_of_one_class_holds_for_each_try():
    transform = RareClassCrop((12, 12), cat_max_ratio=0.75, min_pixels=20)
    limited = 0
    for seed in range(60):
        np.random.seed(seed)
        label = transform(sample(corner(), rare_class=3))['gt_seg_map']
        share = np.bincount(label.ravel()).max() / label.size
        limited += share < 0.75
    assert limited > 50  # ten tries each, so that it is missed at times


def test_image_smaller_than_the_crop_is_told():
    message = (
        r'street\.png is 40x40 when it is cropped, smaller than crop_size=\(48, 16\)'
    )
    with pytest.raises(ValueError, match=message):
        RareClassCrop((48, 16))(sample(corner(), img_path='street.png'))
