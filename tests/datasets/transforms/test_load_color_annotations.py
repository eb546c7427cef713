import numpy as np
import pytest
from mmseg.registry import TRANSFORMS
from PIL import Image

from mmseg_labelfree.datasets.transforms import LoadColorAnnotations

COLORS = [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]


def test_every_color_of_a_palette_png(tmp_path):
    labels = np.random.default_rng(0).integers(0, 4, (5, 7)).astype(np.uint8)
    image = Image.fromarray(labels[..., None].repeat(3, -1) * 0)
    image = Image.fromarray(np.array(COLORS, np.uint8)[labels])
    image.quantize(256).save(tmp_path / 'palette.png')
    image.save(tmp_path / 'rgb.png')
    loader = TRANSFORMS.build(dict(type='LoadColorAnnotations', colors=COLORS))
    for name in ('palette.png', 'rgb.png'):
        results = loader(dict(seg_map_path=str(tmp_path / name), seg_fields=[]))
        np.testing.assert_array_equal(results['gt_seg_map'], labels)


def test_after_the_image_was_resized(tmp_path):
    """As in a test pipeline: the mask keeps the size of the image file."""
    Image.fromarray(np.full((5, 7, 3), (0, 128, 0), np.uint8)).save(tmp_path / 'm.png')
    loader = LoadColorAnnotations(COLORS)
    resized = np.zeros((10, 14, 3), np.uint8)
    sample = dict(seg_map_path=str(tmp_path / 'm.png'), seg_fields=[], img=resized)
    assert loader(dict(sample, ori_shape=(5, 7)))['gt_seg_map'].shape == (5, 7)
    with pytest.raises(ValueError, match=r'a.jpg is 5x7 but its mask .*m.png is 7x5'):
        loader(
            dict(sample, ori_shape=(7, 5), img_path='a.jpg')
        )  # a photo that is turned


def test_colors_that_mean_nothing_or_two_things():
    loader = LoadColorAnnotations(COLORS, ignored_colors=[[255, 255, 255]])
    array = np.array([[[255, 255, 255], [128, 0, 0]]], np.uint8)
    assert loader.classes_of(array).tolist() == [[255, 1]]
    with pytest.raises(
        ValueError, match=r'2 pixels, such as \(1, 2, 3\), have no class'
    ):
        loader.classes_of(np.full((1, 2, 3), (1, 2, 3), np.uint8))
    with pytest.raises(ValueError, match=r'\(0, 128, 0\) stands for two classes'):
        LoadColorAnnotations([*COLORS, [0, 128, 0]])
