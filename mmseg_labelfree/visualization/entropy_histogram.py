"""The entropies of ranked images and where they were split."""

import math
import os

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from .figures import save_figure


def write_entropy_histogram(
    path: str | os.PathLike, entropies: ArrayLike, threshold: float
) -> None:
    """Write a histogram of the images' entropies, split into clean and unclean.

    Args:
        path: PNG to write; its folder is made if need be.
        entropies: One value per image, in 0..1 if normalised by log C (EUMS eq. 6).
            NaN, images without a novel pixel, is left out and counted in the title.
        threshold: Largest entropy of the clean part; a line marks it. NaN, nothing
            was split, marks none.

    Raises:
        ValueError: There is no finite entropy.
    """
    entropies = np.asarray(entropies, np.float64).ravel()
    values = entropies[np.isfinite(entropies)]
    if not len(values):
        raise ValueError(f'{path}: there is no entropy to show')
    figure = Figure(figsize=(6, 3.5), layout='constrained')
    axes = figure.subplots()
    bins = np.histogram_bin_edges(values, bins=40)
    title = f'{len(values)} images'
    if math.isnan(threshold):
        axes.hist(values, bins, label='all')
    else:
        clean = values <= threshold
        parts = dict(clean=values[clean], unclean=values[~clean])
        labels = [f'{name} ({len(part)})' for name, part in parts.items()]
        axes.hist(list(parts.values()), bins, stacked=True, label=labels)
        axes.axvline(threshold, color='black', linestyle='--')
        axes.annotate(
            f' {threshold:.3f}',
            (threshold, 0.95),
            xycoords=('data', 'axes fraction'),
            fontsize='small',
        )
        axes.legend(fontsize='small')
    left_out = len(entropies) - len(values)
    if left_out:
        title += f', {left_out} without a novel pixel'
    axes.set(xlabel='foreground entropy', ylabel='images', title=title)
    save_figure(figure, path)
