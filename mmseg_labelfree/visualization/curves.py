"""Curves of a run: its metrics and its training loss."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure


def draw_curves(
    folders: Mapping[str, str | os.PathLike],
    results: Mapping[str, Mapping],
    columns: Mapping[str, str],
    title: str,
) -> Figure:
    """Draw metrics over the stages, and the training loss over all iterations.

    Of a single training the metrics are drawn over its iterations.

    Args:
        folders: Folder of each stage, with the logs of a Runner.
        results: Stage name -> dict with ``metrics`` and, if it trains, ``iterations``.
        columns: Heading -> key of ``metrics``, in percent.
        title: Heading of the figure.
    """
    figure = Figure(figsize=(11, 4), layout='constrained')
    left, right = figure.subplots(1, 2)
    left.set_prop_cycle(color=matplotlib.colormaps['tab20'](range(20)))
    names = [n for n, stage in results.items() if 'iterations' in stage]
    points: Any
    for heading, key in columns.items():
        if len(results) == 1 and names:
            points, values = _logged(folders[names[0]], key)
            left.set(xlabel='iteration')
        else:
            points = names
            values = [results[n]['metrics'].get(key, math.nan) for n in names]
        style = '--' if heading.startswith('step ') else '-'
        left.plot(points, values, style, marker='o', label=heading)
    left.set(ylabel='mIoU (%)', title=title, ylim=(0, 100))
    offset = 0
    for name in names:
        steps, losses = _logged(folders[name], 'loss')
        right.plot([offset + s for s in steps], losses, label=name)
        offset += results[name].get('iterations', 0)
    right.set(xlabel='iteration over all stages', ylabel='training loss', yscale='log')
    for axes in (left, right):
        if axes.lines:
            axes.legend(fontsize='small')
    return figure


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
