"""A protocol's results as a terminal table, JSON, Markdown and curves."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import matplotlib

from ..utils.files import write_text
from ..utils.metafile import PublishedResult
from .figures import save_figure

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402


def _rows(
    results: Mapping[str, Mapping],
    columns: Mapping[str, str],
    published: PublishedResult | None,
) -> list[list[str]]:
    """Cells of the stages and, last, of the published figures."""
    rows = [
        [name, *_cells(stage['metrics'], columns), f'{stage["seconds"]:.0f}']
        for name, stage in results.items()
    ]
    if published is not None:
        name = f'published ({published.table})' if published.table else 'published'
        rows.append([name, *_cells(published.metrics, columns), '-'])
    return rows


def _cells(metrics: Mapping[str, float], columns: Mapping[str, str]) -> list[str]:
    values = [metrics.get(key, math.nan) for key in columns.values()]
    return ['-' if math.isnan(v) else f'{v:.1f}' for v in values]


def print_table(
    results: Mapping[str, Mapping],
    columns: Mapping[str, str],
    published: PublishedResult | None = None,
) -> None:
    """Print one row a stage, in percent; ``-`` where a stage has no such metric.

    The table takes the width that it needs, in logs and narrow terminals too: rich
    would cut the numbers to fit.

    Args:
        results: Stage name -> dict with ``metrics`` (key -> percent), ``seconds`` and,
            if the stage trains, ``iterations``.
        columns: Heading -> key of ``metrics``.
        published: Figures of the paper for the last stage, as a last row.
    """
    table = Table(title='mIoU in percent; bg is the background')
    for heading in ('stage', *columns, 'seconds'):
        table.add_column(heading, justify='left' if heading == 'stage' else 'right')
    for row in _rows(results, columns, published):
        table.add_row(*row)
    console = Console()
    needed = console.measure(table, options=console.options.update(width=1000)).maximum
    console.width = max(console.width, needed)
    console.print(table)


def write_report(
    work_dir: str | os.PathLike,
    results: Mapping[str, Mapping],
    columns: Mapping[str, str],
    title: str,
    published: PublishedResult | None = None,
) -> None:
    """Write ``results.json``, ``results.md`` and ``curves.png``, each through a rename.

    Args:
        work_dir: Folder of the protocol; the stages' folders lie in it.
        results: As for :func:`print_table`.
        columns: As for :func:`print_table`.
        title: Heading of the report, for instance the config's name.
        published: As for :func:`print_table`.
    """
    work_dir = Path(work_dir)
    content = dict(
        title=title,
        columns=dict(columns),
        stages=dict(results),
        published=asdict(published) if published else None,
    )
    write_text(work_dir / 'results.json', json.dumps(content, indent=2) + '\n')
    write_text(work_dir / 'results.md', _markdown(results, columns, title, published))
    figure = _curves(work_dir, results, columns, title)
    save_figure(figure, work_dir / 'curves.png')
    plt.close(figure)


def _markdown(
    results: Mapping[str, Mapping],
    columns: Mapping[str, str],
    title: str,
    published: PublishedResult | None,
) -> str:
    lines = [f'# {title}', '', 'mIoU in percent; bg is the background.', '']
    lines.append('| stage | ' + ' | '.join(columns) + ' | seconds |')
    lines.append('|---|' + '---:|' * (len(columns) + 1))
    for row in _rows(results, columns, published):
        lines.append('| ' + ' | '.join(row) + ' |')
    last_name, last = list(results.items())[-1]
    if not any(key.startswith('IoU/') for key in last['metrics']):
        return '\n'.join(lines) + '\n'
    lines += ['', f'IoU of each class after {last_name}:', '', '| class | IoU |']
    lines.append('|---|---:|')
    for key, value in last['metrics'].items():
        if key.startswith('IoU/'):
            text = '-' if math.isnan(value) else f'{value:.1f}'
            lines.append(f'| {key.removeprefix("IoU/")} | {text} |')
    return '\n'.join(lines) + '\n'


def _curves(
    work_dir: Path,
    results: Mapping[str, Mapping],
    columns: Mapping[str, str],
    title: str,
) -> plt.Figure:
    """Metrics over the stages, and the training loss over all iterations."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout='constrained')
    left.set_prop_cycle(color=plt.get_cmap('tab20')(range(20)))
    names = [n for n, stage in results.items() if 'iterations' in stage]
    for heading, key in columns.items():
        values = [results[n]['metrics'].get(key, math.nan) for n in names]
        style = '--' if heading.startswith('step ') else '-'
        left.plot(names, values, style, marker='o', label=heading)
    left.set(ylabel='mIoU (%)', title=title, ylim=(0, 100))
    left.legend(fontsize='small')
    offset = 0
    for name in names:
        steps, losses = _training_loss(work_dir / name)
        right.plot([offset + s for s in steps], losses, label=name)
        offset += results[name].get('iterations', 0)
    right.set(xlabel='iteration over all stages', ylabel='training loss', yscale='log')
    right.legend(fontsize='small')
    return figure


def _training_loss(folder: Path) -> tuple[list[int], list[float]]:
    """Logged losses of a stage by iteration; later runs replace earlier ones."""
    losses: dict[int, float] = {}
    for path in sorted(folder.glob('*/vis_data/scalars.json')):
        for line in path.read_text(encoding='utf-8').splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue  # the last line of a killed run may be cut off
            if 'loss' in entry and 'step' in entry:
                losses[entry['step']] = entry['loss']
    steps = sorted(losses)
    return steps, [losses[s] for s in steps]
