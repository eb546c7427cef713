"""Images as under another light: a domain gap for any dataset."""

import os.path as osp
import zlib
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

__all__ = ['AppearanceShift']


@TRANSFORMS.register_module()
class AppearanceShift(BaseTransform):
    """Transform that makes day photographs look like the same scenes at night.

    It makes a target domain with labels to score against of any dataset. A color value
    v of 0 to 1 becomes ``gain * v ** gamma`` plus noise. The noise follows from
    ``seed`` and the file name of the image alone, so that an image always looks the
    same, as if it had been taken like that. Belongs right after ``LoadImageFromFile``.

    Modified key: ``img``, uint8 ``(H, W, 3)``, BGR as ``LoadImageFromFile`` gives it.

    Args:
        gamma: Exponent; above 1 the image gets darker.
        gains: Of red, green and blue. The defaults are a cast of blue.
        noise: Standard deviation of the noise, in gray levels of 0 to 255.
        seed: Of the noise.

    Raises:
        ValueError: ``gamma`` is not above 0, or a gain or ``noise`` is negative.

    Example:
        ``[dict(type='LoadImageFromFile'), dict(type='AppearanceShift'), ...]``
    """

    def __init__(
        self,
        gamma: float = 2.2,
        gains: Sequence[float] = (0.5, 0.65, 0.9),
        noise: float = 10.0,
        seed: int = 0,
    ) -> None:
        if not gamma > 0 or min(*gains, noise) < 0 or len(gains) != 3:
            raise ValueError(
                f'AppearanceShift: gamma={gamma} must be above 0, gains={gains} three '
                f'numbers of at least 0, noise={noise} at least 0'
            )
        self.gamma = gamma
        self.gains = tuple(gains)
        self.noise = noise
        self.seed = seed
        levels = (np.arange(256) / 255) ** gamma
        blue_first = np.array(self.gains[::-1])
        self.table = (255 * levels[:, None] * blue_first).astype(np.float32)[None]

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Change the colors."""
        name = osp.basename(results['img_path'])
        rng = np.random.default_rng((self.seed, zlib.crc32(name.encode())))
        image = cv2.LUT(results['img'], self.table)
        image += np.float32(self.noise) * rng.standard_normal(image.shape, np.float32)
        results['img'] = np.clip(np.round(image), 0, 255).astype(np.uint8)
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(gamma={self.gamma}, gains={self.gains}, '
            f'noise={self.noise}, seed={self.seed})'
        )
