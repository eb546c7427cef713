"""Curves of a run: its metrics and its training loss."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

MOST = 7
"""Series of one plot, as many as can be told apart."""


def draw_curves(
    folders: Mapping[str, str | os.PathLike],
    results: Mapping[str, Mapping],
    columns: Mapping[str, str],
    title: str,
) -> Figure:
    """Draw metrics over the stages, and the training loss over all iterations.

    Of a single training the metrics are drawn over its iterations. A plot has seven
    series at most, with the legend beside it; where there are more, plots follow below.

    Args:
        folders: Folder of each stage, with the logs of a Runner.
        results: Stage name -> dict with ``metrics`` and, if it trains, ``iterations``.
        columns: Heading -> key of ``metrics``, in percent.
        title: Heading of the figure.
    """
    trained = {n: stage for n, stage in results.items() if 'iterations' in stage}
    sides = [
        (_metrics(folders, trained, columns, len(results) == 1), _draw_metrics),
        (_losses(folders, trained), _draw_losses),
    ]
    height = max(1, *(math.ceil(len(series) / MOST) for series, _ in sides))
    figure = Figure(figsize=(13, 3.6 * height), layout='constrained')
    figure.suptitle(title)
    grid = figure.subplots(height, 2, squeeze=False)
    for side, (series, draw) in enumerate(sides):
        for row in range(height):
            part = series[row * MOST : (row + 1) * MOST]
            if row and not part:
                grid[row, side].remove()
                continue
            draw(grid[row, side], part)
    return figure


def _metrics(
    folders: Mapping, trained: Mapping, columns: Mapping, single: bool
) -> list[tuple[str, Sequence, Sequence]]:
    """Heading, stages or iterations, and values of each metric."""
    if single and trained:
        (name,) = trained
        return [(h, *_logged(folders[name], key)) for h, key in columns.items()]
    return [
        (h, [*trained], [s['metrics'].get(key, math.nan) for s in trained.values()])
        for h, key in columns.items()
    ]


def _losses(folders: Mapping, trained: Mapping) -> list[tuple[str, Sequence, Sequence]]:
    """Name, iterations and losses of each stage, one stage after the other."""
    series: list[tuple[str, Sequence, Sequence]] = []
    offset = 0
    for name, stage in trained.items():
        steps, losses = _logged(folders[name], 'loss')
        series.append((name, [offset + s for s in steps], losses))
        offset += stage['iterations']
    return series


def _draw_metrics(axes: Any, series: Sequence) -> None:
    for heading, points, values in series:
        style = '--' if heading.startswith('step ') else '-'
        axes.plot(points, values, style, marker='o', label=heading)
    points = series[0][1] if series else ()
    if all(isinstance(point, str) for point in points):
        axes.set(xlim=(-0.2, max(len(points), 1) - 0.8))
    else:
        axes.set(xlabel='iteration')
    axes.set(ylabel='mIoU (%)', ylim=(0, 100))
    _add_legend(axes)


def _draw_losses(axes: Any, series: Sequence) -> None:
    for name, steps, losses in series:
        axes.plot(steps, losses, marker='.' if len(steps) == 1 else '', label=name)
    axes.set(xlabel='iteration over all stages', ylabel='training loss', yscale='log')
    _add_legend(axes)


def _add_legend(axes: Any) -> None:
    if axes.lines:
        axes.legend(fontsize='small', loc='upper left', bbox_to_anchor=(1, 1))


def _logged(folder: str | os.PathLike, key: str) -> tuple[list[int], list[float]]:
    """Logged values of a stage by iteration; later runs replace earlier ones."""
    values: dict[int, float] = {}
    for path in sorted(Path(folder).glob('*/vis_data/scalars.json')):
        for line in path.read_text(encoding='utf-8').splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue  # the last line of a killed run may be cut off
            if key in entry and 'step' in entry:
                values[entry['step']] = entry[key]
    steps = sorted(values)
    return steps, [values[s] for s in steps]
