"""Report of a protocol's results: a terminal table, JSON, Markdown and curves."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ..utils.files import write_text
from ..utils.metafile import PublishedResult
from .curves import draw_curves
from .figures import save_figure


def table_rows(
    results: Mapping[str, Mapping],
    columns: Mapping[str, str],
    published: PublishedResult | None,
) -> list[list[str]]:
    """Return the heading, cells of the stages and, last, of the published figures.

    Published figures none of which is a column get their own: a run may score its
    student and its teacher, where the paper has one mIoU.
    """
    if published is not None and not {*columns.values()} & {*published.metrics}:
        columns = {**columns, **{key: key for key in published.metrics}}
    rows = [['stage', *columns, 'seconds']]
    rows += [
        [name, *_cells(stage['metrics'], columns), f'{stage["seconds"]:.0f}']
        for name, stage in results.items()
    ]
    if published is not None:
        name = f'published ({published.table})' if published.table else 'published'
        rows.append([name, *_cells(published.metrics, columns), '-'])
    return rows


def _cells(metrics: Mapping[str, float], columns: Mapping[str, str]) -> list[str]:
    return [percent(metrics.get(key, math.nan)) for key in columns.values()]


def percent(value: float) -> str:
    """Format a figure in percent; ``-`` for one that is not there."""
    return '-' if math.isnan(value) else f'{value:.1f}'


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
    headings, *rows = table_rows(results, columns, published)
    for heading in headings:
        table.add_column(heading, justify='left' if heading == 'stage' else 'right')
    for row in rows:
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
    folders: Mapping[str, str | os.PathLike] | None = None,
) -> None:
    """Write ``results.json``, ``results.md`` and ``curves.png``, each through a rename.

    Args:
        work_dir: Folder of the protocol.
        results: As for :func:`print_table`; ``made_by`` of a stage (see ``run_origin``)
            is written, too.
        columns: As for :func:`print_table`.
        title: Heading of the report, for instance the config's name.
        published: As for :func:`print_table`.
        folders: Folder of each stage. Defaults to that of its name in ``work_dir``.
    """
    folders = folders or {name: Path(work_dir, name) for name in results}
    write_results(work_dir, results, columns, title, published)
    curves = draw_curves(folders, results, columns, title)
    save_figure(curves, Path(work_dir, 'curves.png'))


def write_results(
    work_dir: str | os.PathLike,
    results: Mapping[str, Mapping],
    columns: Mapping[str, str],
    title: str,
    published: PublishedResult | None = None,
) -> None:
    """Write ``results.json`` and ``results.md`` as :func:`write_report` does."""
    work_dir = Path(work_dir)
    content = dict(
        title=title,
        columns=dict(columns),
        stages=dict(results),
        published=asdict(published) if published else None,
    )
    write_text(work_dir / 'results.json', json.dumps(content, indent=2) + '\n')
    write_text(work_dir / 'results.md', _markdown(results, columns, title, published))


def _markdown(
    results: Mapping[str, Mapping],
    columns: Mapping[str, str],
    title: str,
    published: PublishedResult | None,
) -> str:
    lines = [f'# {title}', '', 'mIoU in percent; bg is the background.', '']
    headings, *rows = table_rows(results, columns, published)
    lines.append('| ' + ' | '.join(headings) + ' |')
    lines.append('|---|' + '---:|' * (len(headings) - 1))
    for row in rows:
        lines.append('| ' + ' | '.join(row) + ' |')
    last_name, last = list(results.items())[-1]
    lines += _class_lines(last_name, last['metrics'])
    lines += _origin_lines(results)
    return '\n'.join(lines) + '\n'


def _class_lines(stage: str, metrics: Mapping[str, float]) -> list[str]:
    ious = {k.removeprefix('IoU/'): v for k, v in metrics.items() if k[:4] == 'IoU/'}
    if not ious:
        return []
    lines = ['', f'IoU of each class after {stage}:', '', '| class | IoU |']
    lines.append('|---|---:|')
    for name, value in ious.items():
        lines.append(f'| {name} | {percent(value)} |')
    return lines


def _origin_lines(results: Mapping[str, Mapping]) -> list[str]:
    lines = []
    for names, fields in origins(results):
        text = '\n'.join(f'{key}: {value}' for key, value in fields.items())
        lines += ['', f'{names} by:', '', '```text', text, '```']
    return lines


def origins(results: Mapping[str, Mapping]) -> list[tuple[str, dict[str, Any]]]:
    """Say what the stages were made by, those of one command and environment together.

    Args:
        results: Stage name -> dict with ``made_by``, see ``run_origin``.

    Returns:
        Names of stages, and command, commit, processes and versions that made them.

    Example:
        >>> made_by = dict(command='train', environment=dict(Python='3.11'))
        >>> origins(dict(a=dict(made_by=made_by), b=dict(made_by=made_by)))
        [('a, b', {'command': 'train', 'Python': '3.11'})]
    """
    found: list[tuple[list[str], dict[str, Any]]] = []
    for name, stage in results.items():
        if made_by := stage.get('made_by'):
            fields = {k: v for k, v in made_by.items() if k != 'environment'}
            fields |= made_by['environment']
            same = [names for names, others in found if others == fields]
            if same:
                same[0].append(name)
            else:
                found.append(([name], fields))
    return [(', '.join(names), fields) for names, fields in found]
