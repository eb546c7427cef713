"""Figures and label maps as files, without any global state of matplotlib."""

import os

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from PIL import Image

from ..utils.files import atomic_path

VOID = 255


def save_figure(figure: Figure, path: str | os.PathLike, dpi: int = 120) -> None:
    """Write a figure as PNG through a temporary name; its folder is made if need be.

    Args:
        figure: The figure.
        path: File to write.
        dpi: Pixels per inch.
    """
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=dpi, format='png')


def write_label_map(
    path: str | os.PathLike, labels: np.ndarray, palette: ArrayLike | None = None
) -> None:
    """Write labels as palette PNG through a temporary name.

    Args:
        path: File to write; its folder is made if need be.
        labels: uint8 ``(H, W)``; readers of the indices get them back, viewers show
            their colors.
        palette: As for :func:`label_colors`.
    """
    image = Image.fromarray(labels)
    image.putpalette(label_colors(palette).tobytes())
    with atomic_path(path) as temporary:
        image.save(temporary, format='PNG')


def label_colors(palette: ArrayLike | None = None) -> np.ndarray:
    """Make a color for each label of 8 bits.

    Labels without a color of their own have the color map of PASCAL VOC, which goes on
    beyond its 21 classes: bit 0, 3, 6, ... of the index give the bits of red from the
    highest down, the next ones those of green and of blue. Index 255, void, is cream.

    Args:
        palette: RGB colors ``(K, 3)``, 0 to 255, of the first labels. Defaults to none.

    Returns:
        uint8 ``(256, 3)``, RGB.

    Example:
        >>> label_colors([[9, 9, 9]])[:2].tolist()
        [[9, 9, 9], [128, 0, 0]]
    """
    index = np.arange(256)
    colors = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            value = (index >> (3 * bit + channel)) & 1
            colors[:, channel] |= (value << (7 - bit)).astype(np.uint8)
    own = np.asarray([] if palette is None else palette, np.uint8).reshape(-1, 3)
    colors[: len(own[:VOID])] = own[:VOID]
    return colors
