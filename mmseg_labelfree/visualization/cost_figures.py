"""Figures of the page that compares kinds of labels."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from .cost_rows import LabelCost
from .prediction_strips import PredictionStrips, strip_part

__all__ = ['draw_costs', 'draw_predictions', 'spread']

_TICKS = (0, 10, 20, 50, 100, 200)
_LINE = 0.055  # height of a line of text, as a share of the axis
_APART = 0.12  # of the axis: points this close share a column of text


def draw_costs(costs: Sequence[LabelCost]) -> Figure:
    """Draw mIoU over seconds of work, on a log axis that has a place for 0.

    A row with several seeds has a bar from the least to the largest. A hollow mark is a
    row whose score counts something else than the others do.

    Args:
        costs: The rows; those without a score are left out.
    """
    shown = [cost for cost in costs if len(cost.score)]
    figure = Figure(figsize=(9, 5.5), layout='constrained')
    axes = figure.subplots()
    axes.set_xscale('symlog', linthresh=10, linscale=0.6)
    axes.set(
        xlim=(-2, 1500),
        xticks=_TICKS,
        xticklabels=[str(tick) for tick in _TICKS],
        xlabel='seconds of work for the labels, per image',
        ylabel='mIoU (%)',
        ylim=(0, 1.12 * max((max(c.score) for c in shown), default=1)),
    )
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    for column in _columns(axes, shown):
        _draw_column(axes, column)
    if any(cost.counts for cost in shown):
        axes.set_title('hollow: other classes or matched clusters count', fontsize=9)
    return figure


def _columns(axes: Any, costs: Sequence[LabelCost]) -> list[list[LabelCost]]:
    """Rows whose marks are close to each other on the x axis."""
    columns: list[list[LabelCost]] = []
    last = -np.inf
    for cost in sorted(costs, key=lambda c: c.seconds):
        place = _place(axes, cost)[0]
        if place - last > _APART:
            columns.append([])
        columns[-1].append(cost)
        last = place
    return columns


def _place(axes: Any, cost: LabelCost) -> np.ndarray:
    """Place of a mark, as shares of both axes."""
    data = axes.transData.transform((cost.seconds, np.mean(cost.score)))
    return axes.transAxes.inverted().transform(data)


def _draw_column(axes: Any, costs: Sequence[LabelCost]) -> None:
    """Draw marks, with their names in a column right of them."""
    places = [_place(axes, cost) for cost in costs]
    right = max(place[0] for place in places) + 0.03
    heights = spread([place[1] for place in places], _LINE)
    for cost, height in zip(costs, heights, strict=True):
        mean = float(np.mean(cost.score))
        around = [[mean - min(cost.score)], [max(cost.score) - mean]]
        face = 'white' if cost.counts else None
        line = axes.errorbar(cost.seconds, mean, around, fmt='o', mfc=face, capsize=3)
        axes.annotate(
            f'{cost.label} {mean:.1f}',
            (cost.seconds, mean),
            (right, height),
            textcoords='axes fraction',
            va='center',
            fontsize=9,
            arrowprops=dict(arrowstyle='-', lw=0.6, color=line[0].get_color()),
        )


def spread(values: Sequence[float], least: float) -> list[float]:
    """Move values apart, as little as possible one after the other, from below.

    Args:
        values: The values.
        least: Distance that each two of them have at least.

    Returns:
        The moved values, in their order.

    Example:
        >>> spread([0.5, 0.25, 0.5], 0.25)
        [0.5, 0.25, 0.75]
    """
    moved = [float(value) for value in values]
    order = np.argsort(moved, kind='stable')
    for below, above in zip(order, order[1:], strict=False):
        moved[above] = max(moved[above], moved[below] + least)
    return moved


def draw_predictions(folders: Mapping[str, str | os.PathLike]) -> Figure | None:
    """Draw what several trainings predict for the same images, side by side.

    Args:
        folders: Folder of a stage by the name to show, with its
            :class:`~mmseg_labelfree.visualization.prediction_strips.PredictionStrips`.
            Images and labels are those of the first one.

    Returns:
        None if there are no predictions.
    """
    found = {name: _first_strips(folder) for name, folder in folders.items()}
    found = {name: files for name, files in found.items() if files}
    if not found:
        return None
    first, *_ = found.values()
    columns = {'image': (first, 0), 'label': (first, 1)}
    columns |= {name: (files, 2) for name, files in found.items()}
    size = 1.3 * len(columns), 1.1 * len(first) + 0.5
    figure = Figure(figsize=size, layout='constrained')
    grid = figure.subplots(len(first), len(columns), squeeze=False)
    for axes, (name, (files, part)) in zip(grid.T, columns.items(), strict=True):
        axes[0].set_title(fill(name, 12), fontsize=8)
        for place, image in zip(axes, first, strict=True):
            place.axis('off')
            if image in files:
                place.imshow(strip_part(files[image], part))
    return figure


def _first_strips(folder: str | os.PathLike) -> dict[str, Path]:
    """Files of the first images that a stage shows, by the names of these."""
    strips = PredictionStrips.read(folder)
    groups = strips.groups() if strips else {}
    shown = next(iter(groups.values()), [])
    return {strip.name: Path(folder, strip.file) for strip in shown}
