"""Masks in which each class is a color."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmseg.registry import TRANSFORMS
from PIL import Image

from ...ops.label_maps import IGNORE, INVALID
from .load_foreign_annotations import ForeignAnnotationLoader

__all__ = ['LoadColorAnnotations']


@TRANSFORMS.register_module()
class LoadColorAnnotations(ForeignAnnotationLoader):
    """Transform that loads a mask in which each class is a color.

    The colors of a palette PNG count, not its indices. A file format that changes
    colors, such as JPEG, cannot hold such a mask.

    Args:
        colors: Color of each class, RGB, 0 to 255.
        ignored_colors: Colors of pixels that count for nothing (255).
        backend_args: Of the file backend, see ``mmengine.fileio``.

    Raises:
        ValueError: Two classes have one color; while loading, for a pixel of another
            color, or a mask of another size than its image.

    Example:
        >>> loader = LoadColorAnnotations([[0, 0, 0], [255, 0, 0]])
        >>> loader.classes_of(np.array([[[255, 0, 0], [0, 0, 0]]], np.uint8)).tolist()
        [[1, 0]]
    """

    table = np.arange(256, dtype=np.int16)
    last = IGNORE
    resizes = False

    def __init__(
        self,
        colors: Sequence[Sequence[int]],
        ignored_colors: Sequence[Sequence[int]] = (),
        backend_args: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(backend_args=backend_args)
        self.colors = [tuple(int(v) for v in c) for c in (*colors, *ignored_colors)]
        if len(set(self.colors)) < len(self.colors):
            twice = next(c for c in self.colors if self.colors.count(c) > 1)
            raise ValueError(
                f'color {twice} stands for two classes: give each class a color of its '
                'own in metainfo.palette'
            )
        codes = _codes(np.array(self.colors, np.int64))
        classes = np.array([*range(len(colors)), *[IGNORE] * len(ignored_colors)])
        order = codes.argsort()
        self._codes, self._classes = codes[order], classes[order]
        self.remedy = (
            'add the color to metainfo.palette, or to ignored_colors; save masks as PNG'
        )

    @property
    def cache_name(self) -> str:
        """What the classes of a mask depend on, for the class index."""
        return f'{type(self).__name__} {self._codes.tolist()} {self._classes.tolist()}'

    def decode(self, content: bytes) -> np.ndarray:
        """Decode the class of each pixel, ``(H, W)``, 255 for ignored colors."""
        with Image.open(io.BytesIO(content)) as image:
            return self.classes_of(np.asarray(image.convert('RGB')))

    def classes_of(self, colors: np.ndarray) -> np.ndarray:
        """Look up the class of each color.

        Args:
            colors: uint8 ``(H, W, 3)``, RGB.

        Returns:
            int64 ``(H, W)``.

        Raises:
            ValueError: A color stands for nothing.
        """
        codes = _codes(colors.astype(np.int64))
        place = np.searchsorted(self._codes, codes).clip(max=len(self._codes) - 1)
        found = np.where(self._codes[place] == codes, self._classes[place], INVALID)
        if (found == INVALID).any():
            color = tuple(colors[found == INVALID][0].tolist())
            number = int((found == INVALID).sum())
            raise ValueError(f'{number} pixels, such as {color}, have no class')
        return found

    def __repr__(self) -> str:
        return f'{type(self).__name__}(colors={self.colors})'


def _codes(colors: np.ndarray) -> np.ndarray:
    """One number for each RGB color."""
    return (colors[..., 0] << 16) | (colors[..., 1] << 8) | colors[..., 2]
