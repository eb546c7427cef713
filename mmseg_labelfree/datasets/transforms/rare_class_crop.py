"""Random crop that looks for the class that an image was drawn for."""

from typing import Any

import cv2
import numpy as np
from mmseg.datasets.transforms import RandomCrop
from mmseg.registry import TRANSFORMS

from ...utils.choices import check_range

__all__ = ['RareClassCrop']


@TRANSFORMS.register_module()
class RareClassCrop(RandomCrop):
    """Transform like ``RandomCrop`` that tries to hold the class it was drawn for.

    With rare class sampling (DAFormer, https://arxiv.org/abs/2111.14887) a sample
    carries its class under ``rare_class``, see
    :class:`~mmseg_labelfree.datasets.MultiSourceSampler`. The crop is drawn again, up
    to ``max_tries`` times, until it has more than ``min_pixels`` pixels of the class;
    the last one is taken as it is. Without a class it is a plain ``RandomCrop``.

    Args:
        crop_size: Height and width, or one number for both, in pixels.
        cat_max_ratio: Largest share of one class in the labeled pixels of a crop.
            ``RandomCrop`` tries ten times to meet it.
        min_pixels: Pixels of the class at the size of the crop. DAFormer: 3000 x 0.5.
        max_tries: See above.
        ignore_index: Label that counts for nothing.

    Raises:
        ValueError: While loading, for an image that is smaller than the crop.

    Example:
        ``dict(type='RareClassCrop', crop_size=(512, 512), cat_max_ratio=0.75)``
    """

    def __init__(
        self,
        crop_size: int | tuple[int, int],
        cat_max_ratio: float = 1.0,
        min_pixels: int = 1500,
        max_tries: int = 10,
        ignore_index: int = 255,
    ) -> None:
        super().__init__(crop_size, cat_max_ratio, ignore_index)
        check_range(0, min_pixels=min_pixels)
        check_range(1, max_tries=max_tries)
        check_range(0, 1, above=True, cat_max_ratio=cat_max_ratio)
        self.min_pixels = min_pixels
        self.max_tries = max_tries

    def crop_bbox(self, results: dict[str, Any]) -> tuple[int, int, int, int]:
        """Draw first and last row, first and last column of the crop."""
        self._check_size(results)
        box, wanted = self._limited_box(results), results.get('rare_class')
        if wanted is None:
            return box
        for _ in range(self.max_tries):
            found = np.count_nonzero(self.crop(results['gt_seg_map'], box) == wanted)
            if found > self.min_pixels:
                break
            box = self._limited_box(results)
        return box

    def _limited_box(self, results: dict[str, Any]) -> tuple[int, int, int, int]:
        """A box as of ``RandomCrop``, which counts by sorting: ten times slower."""
        box = self._random_box(results['img'])
        for _ in range(10 if self.cat_max_ratio < 1 else 0):
            crop = [self.crop(results['gt_seg_map'], box)]
            counts = cv2.calcHist(crop, [0], None, [256], [0, 256])
            counts[self.ignore_index] = 0
            several = np.count_nonzero(counts) > 1
            if several and counts.max() < self.cat_max_ratio * counts.sum():
                break
            box = self._random_box(results['img'])
        return box

    def _random_box(self, image: np.ndarray) -> tuple[int, int, int, int]:
        height, width = self.crop_size
        top = np.random.randint(image.shape[0] - height + 1)
        left = np.random.randint(image.shape[1] - width + 1)
        return top, top + height, left, left + width

    def _check_size(self, results: dict[str, Any]) -> None:
        height, width = results['img'].shape[:2]
        if height < self.crop_size[0] or width < self.crop_size[1]:
            raise ValueError(
                f'{results.get("img_path")} is {width}x{height} when it is cropped, '
                f'smaller than crop_size={self.crop_size} (height, width): take a '
                'smaller crop or resize images to a larger scale'
            )

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(crop_size={self.crop_size}, '
            f'cat_max_ratio={self.cat_max_ratio}, min_pixels={self.min_pixels}, '
            f'max_tries={self.max_tries})'
        )
