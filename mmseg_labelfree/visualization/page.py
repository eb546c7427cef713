"""The page of a finished run: one file that a browser shows without a network."""

import base64
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from ..utils.files import write_text
from ..utils.metafile import PublishedResult
from ..utils.provenance import Row
from .figures import label_colors
from .page_style import STYLE
from .prediction_strips import PredictionStrips
from .reports import origins, percent, table_rows

__all__ = ['document', 'html_image', 'html_table', 'section', 'write_page']

_OF_A_CLASS = re.compile(r'(?:(.+)/)?IoU/(.+)')
_LONG = 400  # characters of a value that is folded
_KINDS = {'.png': 'png', '.jpg': 'jpeg'}


def write_page(
    work_dir: str | os.PathLike,
    results: Mapping[str, Mapping],
    columns: Mapping[str, str],
    title: str,
    published: PublishedResult | None = None,
    folders: Mapping[str, str | os.PathLike] | None = None,
    settings: Iterable[Row] = (),
) -> None:
    """Write ``report.html``: figures, curves, pictures, settings and environment.

    The page holds its style and pictures itself, and follows the browser's choice of
    light or dark. Its pictures are ``curves.png`` of
    :func:`~mmseg_labelfree.visualization.write_report`, the predictions of each stage
    (:class:`PredictionStrips`), and what else a stage has drawn: ``*.png`` in its
    folder, and the last sheet in ``panels`` of the folder or of its log.

    Args:
        work_dir: Folder of the protocol.
        results: As for :func:`~mmseg_labelfree.visualization.write_report`.
        columns: As there.
        title: Heading of the page.
        published: Figures of the paper for the last stage.
        folders: Folder of each stage. Defaults to that of its name in ``work_dir``.
        settings: Settings of the run with their sources.
    """
    work_dir = Path(work_dir)
    places = {
        name: Path((folders or {}).get(name, work_dir / name)) for name in results
    }
    strips = {n: s for n, p in places.items() if (s := PredictionStrips.read(p))}
    colors = {name: c for s in strips.values() for name, c in s.colors.items()}
    parts = [
        f'<h1>{escape(title)}</h1>',
        *_results(results, columns, published),
        *section('Curves', _curves(work_dir / 'curves.png')),
        *_predictions(strips, places),
        *_classes(results, colors),
        *_drawings(work_dir, places),
        *_settings(settings),
        *_origins(results),
    ]
    write_text(work_dir / 'report.html', document(title, parts))


def document(title: str, parts: Iterable[str]) -> str:
    """Make a page with the style of all pages."""
    head = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n'
    )
    return head + '\n'.join(parts) + '\n</body>\n</html>\n'


def section(heading: str, *parts: str) -> list[str]:
    """Make a section; nothing if all of its parts are empty."""
    return [f'<h2>{escape(heading)}</h2>', *parts] if any(parts) else []


def _results(
    results: Mapping[str, Mapping],
    columns: Mapping[str, str],
    published: PublishedResult | None,
) -> list[str]:
    rows = table_rows(results, columns, published)
    headings, *cells = [[escape(cell) for cell in row] for row in rows]
    table = html_table(headings, cells)
    if published is not None:  # its row is the last one
        before, _, last = table.rpartition('<tr>')
        table = f'{before}<tr class="published">{last}'
    text = '<p>In percent; bg is the background.</p>'
    if published is not None and published.dataset:
        text += f'<p>Published figures: {escape(published.dataset)}.</p>'
    return section('Results', table, text)


def _curves(path: Path) -> str:
    image = html_image(path, 'metrics and loss over the training')
    return f'<div class="wide curves">{image}</div>' if image else ''


def _predictions(
    strips: Mapping[str, PredictionStrips], places: Mapping[str, Path]
) -> list[str]:
    """Those of the last stage in full, those of earlier ones folded."""
    parts: list[str] = []
    for stage, found in reversed([*strips.items()]):
        shown = [_legend({name: found.colors[name] for name in found.shown})]
        for group, group_strips in found.groups().items():
            figures = [_figure(places[stage] / s.file, s.caption) for s in group_strips]
            shown.append(f'<h3>{escape(group)}</h3>')
            shown.append(f'<div class="strips">{"".join(figures)}</div>')
        name = f'After {stage}: image, label, prediction'
        parts.append(_folded(name, ''.join(shown), opened=not parts))
    return section('Predictions of validation images', *parts)


def _legend(colors: Mapping[str, Sequence[int]]) -> str:
    names = [
        f'<span>{_swatch(color)}{escape(name)}</span>' for name, color in colors.items()
    ]
    void = f'<span>{_swatch(label_colors()[255])}not labeled</span>'
    return f'<div class="legend">{"".join(names)}{void}</div>'


def _swatch(color: Sequence[int]) -> str:
    red, green, blue = (int(value) for value in color)
    return f'<i class="swatch" style="background: rgb({red}, {green}, {blue})"></i>'


def _classes(
    results: Mapping[str, Mapping], colors: Mapping[str, Sequence[int]]
) -> list[str]:
    """IoU of each class after each stage."""
    tables: dict[str, dict[str, float]] = {}
    for stage, result in results.items():
        for key, value in result['metrics'].items():
            if match := _OF_A_CLASS.fullmatch(key):
                heading = f'{stage}, {match[1]}' if match[1] else stage
                tables.setdefault(heading, {})[match[2]] = value
    names = list(dict.fromkeys(name for ious in tables.values() for name in ious))
    rows = [
        [
            (_swatch(colors[name]) if name in colors else '') + escape(name),
            *(percent(ious.get(name, math.nan)) for ious in tables.values()),
        ]
        for name in names
    ]
    table = html_table(['class', *map(escape, tables)], rows) if rows else ''
    return section('IoU of each class', table)


def _drawings(work_dir: Path, places: Mapping[str, Path]) -> list[str]:
    """What stages have drawn themselves."""
    parts = []
    for stage, folder in places.items():
        own = [p for p in sorted(folder.glob('*.png')) if p.name != 'curves.png']
        figures = [
            _figure(path, f'{stage}: {path.relative_to(folder)}')
            for path in [*own, *_last_sheets(folder)]
        ]
        parts += figures
    return section('Drawn by the stages', *parts)


def _last_sheets(folder: Path) -> Iterator[Path]:
    """The newest file in ``panels``, of a job or of the last log."""
    sheets = [*folder.glob('panels/*.png'), *folder.glob('*/panels/*.png')]
    if sheets:
        yield max(sheets, key=lambda path: path.stat().st_mtime)


def _settings(settings: Iterable[Row]) -> list[str]:
    """All settings, folded; a source that goes on from row to row is said once."""
    cells: list[list[str]] = []
    above = ''
    for row in settings:
        note = '\N{DOUBLE PRIME}' if row.note and row.note == above else row.note
        place = f'{row.place.file.name}:{row.place.line}' if row.place else ''
        cells.append([escape(text) for text in (row.name, row.value, note, place)])
        above = row.note
    if not cells:
        return []
    table = html_table(['setting', 'value', 'source', 'set in'], cells, 'text')
    return section('Settings', _folded(f'{len(cells)} settings', table))


def _origins(results: Mapping[str, Mapping]) -> list[str]:
    parts = []
    for names, fields in origins(results):
        rows = [[escape(key), _text(str(value))] for key, value in fields.items()]
        parts.append(f'<p>{escape(names)}</p>')
        parts.append(html_table(['', 'made by'], rows, 'text'))
    return section('Command and environment', *parts)


def _text(value: str) -> str:
    """Make a value of any length a cell, a long one folded."""
    return (
        escape(value)
        if len(value) < _LONG
        else _folded(value[:40] + ' ...', escape(value))
    )


def html_table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], kind: str = ''
) -> str:
    """Make a table of cells that are HTML already."""
    head = ''.join(f'<th>{cell}</th>' for cell in heads)
    body = ''.join(
        f'<tr>{"".join(f"<td>{cell}</td>" for cell in row)}</tr>\n' for row in rows
    )
    return (
        f'<div class="wide"><table class="{kind}"><thead><tr>{head}</tr></thead>\n'
        f'<tbody>{body}</tbody></table></div>'
    )


def _folded(summary: str, content: str, opened: bool = False) -> str:
    state = ' open' if opened else ''
    return f'<details{state}><summary>{escape(summary)}</summary>\n{content}</details>'


def _figure(path: Path, caption: str) -> str:
    image = html_image(path, caption)
    text = f'<figcaption>{escape(caption)}</figcaption>'
    return f'<figure>{image}{text}</figure>\n' if image else ''


def html_image(path: Path, text: str) -> str:
    """Make an image that is part of the page; nothing if the file is not there."""
    if not path.is_file():
        return ''
    content = base64.b64encode(path.read_bytes()).decode('ascii')
    source = f'data:image/{_KINDS[path.suffix]};base64,{content}'
    return f'<img src="{source}" alt="{escape(text)}">'
