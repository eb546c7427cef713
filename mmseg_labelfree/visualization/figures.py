"""Matplotlib figures as files, without any global state of matplotlib."""

import os
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ..utils.files import atomic_path


def save_figure(figure: Figure, path: str | os.PathLike, dpi: int = 120) -> None:
    """Write a figure as PNG through a temporary name; its folder is made if need be.

    Args:
        figure: The figure.
        path: File to write.
        dpi: Pixels per inch.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = atomic_path(path)
    try:
        figure.savefig(temporary, dpi=dpi, format='png')
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def label_colours() -> np.ndarray:
    """The colour map of PASCAL VOC, which goes on beyond its 21 classes.

    Bit 0, 3, 6, ... of the index give the bits of red from the highest down, the next
    ones those of green and of blue. Index 255, void, is cream.

    Returns:
        uint8 ``(256, 3)``, RGB.
    """
    index = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            value = (index >> (3 * bit + channel)) & 1
            colours[:, channel] |= (value << (7 - bit)).astype(np.uint8)
    return colours
