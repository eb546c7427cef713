"""The entropies of ranked images and where they were split."""

import math
import os

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from .figures import save_figure

NUM_BINS = 40


def write_entropy_histogram(
    path: str | os.PathLike, entropies: ArrayLike, threshold: float
) -> None:
    """Write a histogram of the images' entropies, split into clean and unclean.

    Args:
        path: PNG to write; its folder is made if need be.
        entropies: One value per image, in 0..1 if normalized by log C (EUMS eq. 6).
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
    bins = np.histogram_bin_edges(values, bins=NUM_BINS).tolist()
    title = f'{len(values)} images'
    if math.isnan(threshold):
        axes.hist(values, bins, label='all')
    else:
        bins = _edges_at(threshold, bins)
        clean = values <= threshold
        parts = dict(clean=values[clean], unclean=values[~clean])
        labels = [f'{name} ({len(part)})' for name, part in parts.items()]
        axes.hist(list(parts.values()), bins, stacked=True, label=labels)
        label = f'split at {threshold:.3f}'
        axes.axvline(threshold, color='black', linestyle='--', label=label)
        axes.legend(fontsize='small')
    left_out = len(entropies) - len(values)
    if left_out:
        title += f', {left_out} without a novel pixel'
    axes.set(xlabel='foreground entropy', ylabel='images', title=title)
    save_figure(figure, path)


def _edges_at(threshold: float, bins: list[float]) -> list[float]:
    """Shift edges so that one is just above the threshold: no bar has both parts."""
    edge, width = np.nextafter(threshold, np.inf), bins[1] - bins[0]
    below = np.ceil((edge - bins[0]) / width)
    above = np.ceil((bins[-1] - edge) / width)
    edges = edge + width * np.arange(-below, max(above, 0) + 1)
    return edges.tolist()
