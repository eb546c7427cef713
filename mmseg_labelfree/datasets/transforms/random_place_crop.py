"""Crop at a random place, which knows where in it the image lies."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

__all__ = ['RandomPlaceCrop']


@TRANSFORMS.register_module()
class RandomPlaceCrop(BaseTransform):
    """Transform that crops, or pads, at a random place and keeps the place.

    A side that is longer than the crop is cut, with a uniform place. A shorter one is
    laid at a uniform place into the crop; around it the image is black and label maps
    are 255. Pseudo-labels of images are then known to be worth nothing there (AFA's
    code). No class limits the draw.

    It belongs after all that resizes or flips, since the place is in pixels of the
    result. ``PackSegInputs`` passes it on if its ``meta_keys`` hold 'box'.

    Modified keys: ``img``, ``img_shape`` and all ``seg_fields``.

    Added keys: ``box``: rows and columns of the crop that show the image, (top,
    bottom, left, right), ends excluded.

    Args:
        size: Height and width of the crop in pixels.

    Raises:
        ValueError: The size is not two positive numbers.

    Example:
        ``[..., dict(type='RandomPlaceCrop', size=(512, 512)),
        dict(type='PackSegInputs', meta_keys=('img_path', 'ori_shape', 'img_shape',
        'box'))]``
    """

    def __init__(self, size: Sequence[int]) -> None:
        self.size = tuple(size)
        if len(self.size) != 2 or min(self.size) < 1:
            raise ValueError(f'size must be a height and a width, got {size}')

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Cut and pad image and label maps."""
        sides = zip(results['img'].shape[:2], self.size, strict=True)
        (rows, to_rows), (columns, to_columns) = (_place(*pair) for pair in sides)

        def placed(values: np.ndarray, fill: int) -> np.ndarray:
            crop = np.full((*self.size, *values.shape[2:]), fill, values.dtype)
            crop[to_rows, to_columns] = values[rows, columns]
            return crop

        results['img'] = placed(results['img'], 0)
        for key in results.get('seg_fields', []):
            results[key] = placed(results[key], 255)
        results['img_shape'] = self.size
        results['box'] = (
            to_rows.start,
            to_rows.stop,
            to_columns.start,
            to_columns.stop,
        )
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(size={self.size})'


def _place(side: int, crop: int) -> tuple[slice, slice]:
    """Which pixels of an image's side are where in the crop, at random."""
    length = min(side, crop)
    first = np.random.randint(abs(side - crop) + 1)
    here, there = slice(0, length), slice(first, first + length)
    return (there, here) if side > crop else (here, there)
