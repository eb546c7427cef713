"""Figures and label maps as files, without any global state of matplotlib."""

import os

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from ..utils.files import atomic_path


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
    path: str | os.PathLike, labels: np.ndarray, palette: np.ndarray | None = None
) -> None:
    """Write labels as palette PNG through a temporary name.

    Args:
        path: File to write; its folder is made if need be.
        labels: uint8 ``(H, W)``; readers of the indices get them back, viewers show
            their colors.
        palette: uint8 ``(K, 3)``, RGB colors of the first labels. Defaults, also for
            labels beyond its end, to :func:`label_colors`.
    """
    colors = label_colors()
    if palette is not None:
        colors[: len(palette)] = palette
    image = Image.fromarray(labels)
    image.putpalette(colors.tobytes())
    with atomic_path(path) as temporary:
        image.save(temporary, format='PNG')


def label_colors() -> np.ndarray:
    """Make the color map of PASCAL VOC, which goes on beyond its 21 classes.

    Bit 0, 3, 6, ... of the index give the bits of red from the highest down, the next
    ones those of green and of blue. Index 255, void, is cream.

    Returns:
        uint8 ``(256, 3)``, RGB.
    """
    index = np.arange(256)
    colors = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            value = (index >> (3 * bit + channel)) & 1
            colors[:, channel] |= (value << (7 - bit)).astype(np.uint8)
    return colors
