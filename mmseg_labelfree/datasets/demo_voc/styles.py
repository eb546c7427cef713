"""Looks of the demo data: the same kinds of scenes under another light."""

from typing import NamedTuple

import cv2
import numpy as np

__all__ = ['STYLES', 'Style']


class Style(NamedTuple):
    """Surfaces, light and camera of a scene; not what is in it, nor where.

    Pairs are bounds of a uniform draw, colors are 0 to 1.

    ``period`` of an object's texture is in pixels, ``edge`` the steepness between its
    two colors; ``saturation`` and ``value`` are an object's, ``ground`` the strength of
    the background's texture, ``light`` the brightness. The camera: ``gamma``, ``gains``
    of red, green and blue, side of the ``blur`` in pixels (odd), ``grain``.
    """

    period: tuple[float, float] = (8, 13)
    edge: float = 1.5
    saturation: tuple[float, float] = (0.6, 0.95)
    value: tuple[float, float] = (0.6, 1.0)
    ground: float = 0.12
    light: tuple[float, float] = (0.85, 1.1)
    gamma: float = 1.0
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    blur: int = 1
    grain: float = 0.0

    def photograph(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """What the camera makes of colors, float32 ``(H, W, 3)``; same type and shape.

        Args:
            image: Colors of the scene, 0 to 1.
            rng: Source of randomness.
        """
        image = image**self.gamma * np.array(self.gains, np.float32)
        image = cv2.GaussianBlur(image, (self.blur, self.blur), 0)
        grain = rng.standard_normal(image.shape, np.float32)
        return np.clip(image + np.float32(self.grain) * grain, 0, 1)


STYLES = dict(
    plain=Style(),
    dusk=Style(
        period=(5, 8),
        edge=4.0,
        saturation=(0.45, 0.8),
        value=(0.5, 0.9),
        ground=0.3,
        light=(0.75, 1.0),
        gamma=1.5,
        gains=(0.75, 0.85, 1.0),
        blur=3,
        grain=0.03,
    ),
)
