"""Page that compares kinds of labels: what they cost, and what is learned from them."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path

import numpy as np

from ..utils.files import write_text
from .cost_figures import draw_costs, draw_predictions
from .cost_rows import LabelCost, join_costs, read_costs
from .figures import save_figure
from .page import document, html_image, html_table, section

__all__ = ['join_label_costs', 'write_label_cost']

_COLUMNS = ('labels', 'seconds an image', 'mIoU', 'parts of it', 'counted', 'config')
_ABOUT = (
    'Seconds of work for the labels, per image of the dataset; in percent what is '
    'learned from them.'
)


def write_label_cost(
    work_dir: str | os.PathLike,
    costs: Sequence[LabelCost],
    title: str,
    notes: Sequence[str] = (),
) -> None:
    """Write the page ``label_cost.html``, and what it shows.

    These are the table, ``label_cost.md`` and ``label_cost.json``; ``label_cost.png``,
    mIoU over seconds of work; and ``label_cost_predictions.png``, what each row
    predicts for the same images, where their folders have predictions.

    Args:
        work_dir: Folder to write into.
        costs: The rows.
        title: Heading.
        notes: Sentences below the table.
    """
    work_dir = Path(work_dir)
    content = dict(title=title, notes=list(notes), rows=[asdict(c) for c in costs])
    write_text(work_dir / 'label_cost.json', json.dumps(content, indent=2) + '\n')
    write_text(work_dir / 'label_cost.md', _markdown(costs, title, notes))
    plot, pictures = (work_dir / f'label_cost{s}.png' for s in ('', '_predictions'))
    save_figure(draw_costs(costs), plot)
    figure = draw_predictions({c.label: c.folder for c in costs if len(c.score)})
    if figure is not None:
        save_figure(figure, pictures)
    parts = [
        f'<h1>{escape(title)}</h1>',
        f'<p>{escape(_ABOUT)}</p>',
        html_image(plot, 'mIoU over seconds of work'),
        *section('Results', _table(costs), *(f'<p>{escape(n)}</p>' for n in notes)),
        *section('Predictions', html_image(pictures, 'predictions of each row')),
    ]
    write_text(work_dir / 'label_cost.html', document(title, parts))


def join_label_costs(
    folders: Sequence[str | os.PathLike], work_dir: str | os.PathLike
) -> Path:
    """Write one page of several runs: mean and sample standard deviation of each row.

    Args:
        folders: Work dirs of runs of one config with other seeds.
        work_dir: Folder to write into.

    Returns:
        The page.

    Raises:
        FileNotFoundError, ValueError: See :func:`~.cost_rows.read_costs` and
            :func:`~.cost_rows.join_costs`.
    """
    costs, notes = join_costs({str(folder): read_costs(folder) for folder in folders})
    write_label_cost(work_dir, costs, Path(work_dir).resolve().name, notes)
    return Path(work_dir, 'label_cost.html')


def _cells(cost: LabelCost) -> list[str]:
    parts = [f'{heading} {_mean(v)}' for heading, v in cost.others.items() if len(v)]
    return [
        cost.label,
        f'{cost.seconds:.1f}',
        _mean(cost.score),
        ', '.join(parts) or '-',
        cost.counts or 'all classes',
        cost.config,
    ]


def _mean(values: Sequence[float]) -> str:
    """Mean of seeds, with its standard deviation where there are several."""
    if not len(values) or np.isnan(values).any():
        return '-'
    text = f'{np.mean(values):.1f}'
    return text if len(values) == 1 else f'{text} ± {np.std(values, ddof=1):.1f}'


def _markdown(costs: Sequence[LabelCost], title: str, notes: Sequence[str]) -> str:
    rows = [_COLUMNS, ['---', '---:', '---:', '---', '---', '---'], *map(_cells, costs)]
    lines = [f'# {title}', '', _ABOUT, '']
    lines += [f'| {" | ".join(row)} |' for row in rows]
    lines += [line for note in notes for line in ('', note)]
    return '\n'.join(lines) + '\n'


def _table(costs: Sequence[LabelCost]) -> str:
    cells = [[escape(cell) for cell in _cells(cost)] for cost in costs]
    return html_table([*map(escape, _COLUMNS)], cells)
