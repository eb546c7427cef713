"""Two overlapping crops of an image, for losses between them."""

from collections.abc import Sequence
from typing import Any

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

__all__ = ['OverlappingCropPair']


@TRANSFORMS.register_module()
class OverlappingCropPair(BaseTransform):
    """Transform that scales and flips an image and cuts two overlapping crops from it.

    IDDC, section 4.2.2; ranges of the authors' code. The width and the height are
    scaled independently, by one factor each for both crops, so the crops differ by a
    shift. The first crop lies anywhere, the second one at most ``max_shift`` pixels
    from it on each axis, within the image.

    The pair travels as one tall image, the first crop above the second, with the
    label map alike: data samples, collation and preprocessor stay MMSegmentation's, a
    batch size counts images, and
    :class:`~mmseg_labelfree.models.segmentors.DiscriminativeClusteringSegmentor` takes
    the halves apart. The label map is optional.

    Modified keys: ``img``, those in ``seg_fields``, ``img_shape``, ``scale_factor``
    (width, height), ``flip``. Added key: ``crop_overlap``, the common part of the
    crops as ``((top, left, bottom, right), (top, left, bottom, right))``, in pixels of
    the first and of the second crop; ``PackSegInputs`` must pass it on.

    Args:
        crop_size: Height and width of a crop, in pixels.
        max_shift: Largest distance of the crops on each axis, in pixels, below
            the crop size.
        scale_range: Range of the two scaling factors.
        flip_prob: Probability of a horizontal flip.
        enlarge_small: Enlarge a scaled image that is smaller than a crop, with
            its aspect, until the crop fits. By default that is an error.

    Raises:
        ValueError: An argument is out of range; the crop is larger than the scaled
            image; the label map is of another size than the image.

    Example:
        ``[..., dict(type='OverlappingCropPair', crop_size=224, max_shift=112),
        dict(type='PackSegInputs', meta_keys=('img_path', 'ori_shape', 'img_shape',
        'crop_overlap'))]``
    """

    def __init__(
        self,
        crop_size: int | Sequence[int] = 224,
        max_shift: int = 112,
        scale_range: Sequence[float] = (0.8, 1.2),
        flip_prob: float = 0.5,
        enlarge_small: bool = False,
    ) -> None:
        if isinstance(crop_size, int):
            crop_size = (crop_size, crop_size)
        if not 0 <= max_shift < min(crop_size):
            raise ValueError(
                f'max_shift={max_shift} must be at least 0 and below the crop size '
                f'{tuple(crop_size)}: the crops have to overlap'
            )
        if not 0 < scale_range[0] <= scale_range[1]:
            raise ValueError(
                f'scale_range must rise from above 0, not {tuple(scale_range)}'
            )
        if not 0 <= flip_prob <= 1:
            raise ValueError(f'flip_prob={flip_prob} is no probability')
        self.crop_size = tuple(crop_size)
        self.max_shift = max_shift
        self.scale_range = tuple(scale_range)
        self.flip_prob = flip_prob
        self.enlarge_small = enlarge_small

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Make the pair, see the class."""
        old = results['img'].shape[:2]
        new = self._draw_size(old, results.get('img_path'))
        flip = bool(np.random.rand() < self.flip_prob)
        places = self._draw_places(new)
        for key in ('img', *results.get('seg_fields', [])):
            if results[key].shape[:2] != old:
                raise ValueError(
                    f'{results.get("img_path")}: image {old} and {key} '
                    f'{results[key].shape[:2]} differ in size'
                )
            kind = 'bilinear' if key == 'img' else 'nearest'
            scaled = mmcv.imresize(results[key], new[::-1], interpolation=kind)
            if flip:
                scaled = mmcv.imflip(scaled)
            height, width = self.crop_size
            crops = [scaled[y : y + height, x : x + width] for y, x in places]
            results[key] = np.concatenate(crops)
        results['img_shape'] = results['img'].shape[:2]
        results['scale_factor'] = new[1] / old[1], new[0] / old[0]
        results['flip'] = flip
        results['flip_direction'] = 'horizontal' if flip else None
        results['crop_overlap'] = self._overlap(*places)
        return results

    def _draw_size(self, old: tuple[int, int], path: str | None) -> tuple[int, int]:
        """Height and width of the scaled image."""
        low, high = self.scale_range
        sides = np.asarray(old) * np.random.uniform(low, high, 2)
        new = np.rint(sides).astype(int)
        if (new < self.crop_size).any():
            if not self.enlarge_small:
                raise ValueError(
                    f'{path}: a crop of {_by(self.crop_size)} is larger than the image '
                    f'of {_by(old)}, scaled to {_by(new.tolist())} (width x height): '
                    'take a smaller crop_size, resize the images before, or set '
                    'enlarge_small=True'
                )
            factor = (np.asarray(self.crop_size) / sides).max()
            new = np.ceil(sides * factor - 1e-6).astype(int)
        return int(new[0]), int(new[1])

    def _draw_places(self, size: tuple[int, int]) -> list[tuple[int, int]]:
        """Top and left of both crops."""
        room = np.subtract(size, self.crop_size)
        first = np.random.randint(0, room + 1)
        low = np.maximum(first - self.max_shift, 0)
        high = np.minimum(first + self.max_shift, room)
        second = np.random.randint(low, high + 1)
        return [(int(top), int(left)) for top, left in (first, second)]

    def _overlap(self, first: tuple[int, int], second: tuple[int, int]) -> tuple:
        (height, width), (down, right) = self.crop_size, np.subtract(second, first)
        box = np.array(
            [max(down, 0), max(right, 0), height + min(down, 0), width + min(right, 0)]
        )
        shifted = box - (down, right, down, right)
        return tuple(map(int, box)), tuple(map(int, shifted))

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(crop_size={self.crop_size}, '
            f'max_shift={self.max_shift}, scale_range={self.scale_range}, '
            f'flip_prob={self.flip_prob}, enlarge_small={self.enlarge_small})'
        )


def _by(shape: Sequence[int]) -> str:
    return 'x'.join(str(int(side)) for side in reversed(tuple(shape)))
