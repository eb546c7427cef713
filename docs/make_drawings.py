"""Write the drawings of the concepts page and the strip of settings in docs/images.

    python docs/make_drawings.py           # write them
    python docs/make_drawings.py --check   # exit code 1 if one is out of date

What is on them stands in drawings.yaml. Each SVG brings its own ground, light or dark
as the reader's system asks.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import NamedTuple

import yaml

HERE = Path(__file__).parent
CONTENT = yaml.safe_load((HERE / 'drawings.yaml').read_text(encoding='utf-8'))
COLUMN, ROW, WIDTH, HEIGHT, MARGIN, TOP = 258, 122, 206, 86, 24, 56


class Box(NamedTuple):
    """A box of a drawing, its place in columns and rows, and what stands in it."""

    column: float
    row: float
    kind: str
    title: str
    lines: tuple[str, ...]

    @property
    def left(self) -> float:
        """Left edge."""
        return MARGIN + self.column * COLUMN

    @property
    def top(self) -> float:
        """Upper edge."""
        return TOP + self.row * ROW


class Drawing(NamedTuple):
    """Boxes by name, and arrows as 'from > to' or 'from > to | label'."""

    title: str
    boxes: dict[str, Box]
    arrows: list[str]

    @classmethod
    def read(cls, entry: dict) -> 'Drawing':
        """An entry of drawings.yaml."""
        boxes = {
            name: Box(*cells[:4], tuple(cells[4:]))
            for name, cells in entry['boxes'].items()
        }
        return cls(entry['title'], boxes, entry['arrows'])


def style() -> str:
    """Colors of both schemes and fonts, as a style sheet."""

    def rules(colors: dict[str, str]) -> str:
        fills = ''.join(f'.{name}{{fill:{color}}}' for name, color in colors.items())
        return (
            f'{fills}text{{fill:{colors["text"]}}}.s{{fill:{colors["soft"]}}}'
            f'.l{{stroke:{colors["ground"]}}}.b{{stroke:{colors["soft"]}}}'
            f'.a{{stroke:{colors["soft"]}}}'
        )

    return (
        '<style>text{font-family:Helvetica,Arial,sans-serif;text-anchor:middle}'
        '.t{font-size:14px;font-weight:600}.s{font-size:12px}'
        '.h{font-size:17px;font-weight:700;text-anchor:start}'
        '.l{font-size:12px;paint-order:stroke;stroke-width:5px}'
        '.b{stroke-width:1.3}.a{stroke-width:1.6;fill:none;marker-end:url(#m)}'
        f'{rules(CONTENT["light"])}@media (prefers-color-scheme:dark){{'
        f'{rules(CONTENT["dark"])}}}</style>'
    )


def sheet(title: str, width: float, height: float, parts: Iterator[str]) -> str:
    """An SVG with its ground and a title."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img" '
        f'aria-label="{escape(title)}">',
        f'<title>{escape(title)}</title>',
        style(),
        '<defs><marker id="m" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
        'markerHeight="7" orient="auto"><path class="soft" d="M0 0L10 5L0 10z"/>'
        '</marker></defs>',
        f'<rect class="ground" width="{width:g}" height="{height:g}" rx="10"/>',
        *parts,
        '</svg>',
    ]
    return '\n'.join(lines) + '\n'


def text(kind: str, x: float, y: float, content: str) -> str:
    """A line of text."""
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(content)}</text>'


def draw_box(spec: Box) -> Iterator[str]:
    """A box and its lines, in the middle of it."""
    yield (
        f'<rect class="b {spec.kind}" x="{spec.left:g}" y="{spec.top:g}" '
        f'width="{WIDTH}" height="{HEIGHT}" rx="7"/>'
    )
    middle = spec.left + WIDTH / 2
    first = spec.top + HEIGHT / 2 + 5 - 8.5 * len(spec.lines)
    yield text('t', middle, first, spec.title)
    for index, line in enumerate(spec.lines, 1):
        yield text('s', middle, first + 2 + 16 * index, line)


def sides(start: Box, end: Box) -> tuple[str, str]:
    """Sides at which an arrow leaves one box and reaches another."""
    if start.column == end.column:
        return ('bottom', 'top') if start.row < end.row else ('top', 'bottom')
    return ('right', 'left') if start.column < end.column else ('left', 'right')


def port(spec: Box, side: str, share: float) -> tuple[float, float]:
    """The place on a side of a box, at a share of its length."""
    if side in ('top', 'bottom'):
        return spec.left + share * WIDTH, spec.top + HEIGHT * (side == 'bottom')
    return spec.left + WIDTH * (side == 'right'), spec.top + share * HEIGHT


def ports(drawing: Drawing, pairs: list[tuple[str, str]]) -> dict:
    """Where each arrow ends; several at one side share its length."""
    at_side = defaultdict(list)
    for index, (start, end) in enumerate(pairs):
        first, last = drawing.boxes[start], drawing.boxes[end]
        leave, reach = sides(first, last)
        for name, side, other, which in (
            (start, leave, last, 0),
            (end, reach, first, 1),
        ):
            place = other.top if side in ('left', 'right') else other.left
            at_side[name, side].append((place, index, which))
    return {
        (index, which): port(drawing.boxes[name], side, (k + 1) / (len(ends) + 1))
        for (name, side), ends in at_side.items()
        for k, (_, index, which) in enumerate(sorted(ends))
    }


def draw_arrows(drawing: Drawing) -> Iterator[str]:
    """The arrows, around a corner where rows differ, and their labels."""
    parsed = [arrow.partition(' | ') for arrow in drawing.arrows]
    pairs = [tuple(ends.split(' > ')) for ends, _, _ in parsed]
    places = ports(drawing, pairs)
    for index, ((start, end), (_, _, label)) in enumerate(
        zip(pairs, parsed, strict=True)
    ):
        (x0, y0), (x1, y1) = places[index, 0], places[index, 1]
        if drawing.boxes[start].column == drawing.boxes[end].column:
            x1 = x0
            path = f'M{x0:g} {y0:g}L{x1:g} {y1:g}'
            spot = (x0, (y0 + y1) / 2 + 4)
        else:
            gap = COLUMN - WIDTH
            bend = (x1 - gap / 2 if x1 > x0 else x1 + gap / 2) + 5 * (index % 3 - 1)
            path = f'M{x0:g} {y0:g}H{bend:g}V{y1:g}H{x1:g}'
            spot = ((x0 + x1) / 2, y0 - 5) if y0 == y1 else (bend, (y0 + y1) / 2 + 4)
        yield f'<path class="a" d="{path}"/>'
        if label:
            yield text('l', *spot, label)


def draw(drawing: Drawing) -> str:
    """The SVG of a drawing."""
    width = max(spec.left for spec in drawing.boxes.values()) + WIDTH + MARGIN
    height = max(spec.top for spec in drawing.boxes.values()) + HEIGHT + MARGIN

    def parts() -> Iterator[str]:
        yield text('h', MARGIN, 34, drawing.title)
        yield from draw_arrows(drawing)
        for spec in drawing.boxes.values():
            yield from draw_box(spec)

    return sheet(drawing.title, width, height, parts())


PANEL, THUMB, GAP = (262, 150), (50, 40), 6


def shape(name: str, x: float, y: float, kind: str) -> str:
    """One of the three shapes of a scene, at its place in a thumbnail."""
    if name == 'one':
        return f'<circle class="{kind}" cx="{x + 13:g}" cy="{y + 26:g}" r="9"/>'
    if name == 'two':
        return f'<path class="{kind}" d="M{x + 27:g} {y + 4:g}l8 15h-16z"/>'
    return (
        f'<rect class="{kind}" x="{x + 33:g}" y="{y + 22:g}" width="13" height="13"/>'
    )


CENTERS = {'one': (13, 26), 'two': (27, 14), 'three': (39, 28)}


def thumbnail(kind: str, labeled: list[str], x: float, y: float) -> Iterator[str]:
    """A scene of three shapes and what is known of it."""
    if kind == 'names':
        for index, name in enumerate(labeled):
            first = y + 24 - 7 * (len(labeled) - 1)
            yield text('s', x + THUMB[0] / 2, first + 14 * index, name)
        return
    ground = 'soft' if kind == 'dusk' else 'photo'
    yield (
        f'<rect class="{ground}" x="{x:g}" y="{y:g}" width="{THUMB[0]}" '
        f'height="{THUMB[1]}" rx="3"/>'
    )
    for name in CENTERS:
        colored = name in labeled and kind in ('mask', 'result')
        yield shape(name, x, y, name if colored else 'gray')
        dx, dy = CENTERS[name]
        if kind == 'points':
            yield f'<circle class="{name}" cx="{x + dx:g}" cy="{y + dy:g}" r="3"/>'
        elif kind == 'strokes':
            yield (
                f'<rect class="{name}" x="{x + dx - 5:g}" y="{y + dy - 1.5:g}" '
                'width="10" height="3" rx="1.5"/>'
            )
        elif kind == 'asked' and name in labeled:
            yield text('t', x + dx, y + dy + 5, '?')


def panel(setting: list, left: float, top: float) -> Iterator[str]:
    """A setting: its name, what is given, and what comes out."""
    name, thumbnails, caption, methods = setting
    yield (
        f'<rect class="b ground" x="{left:g}" y="{top:g}" width="{PANEL[0]}" '
        f'height="{PANEL[1]}" rx="7"/>'
    )
    middle = left + PANEL[0] / 2
    yield text('t', middle, top + 24, name)
    y = top + 38
    for index, (kind, *labeled) in enumerate(thumbnails):
        x = left + 12 + index * (THUMB[0] + GAP)
        yield from thumbnail(kind, labeled, x, y)
    right = left + PANEL[0] - 12 - THUMB[0]
    yield (
        f'<path class="a" d="M{left + 12 + 3 * (THUMB[0] + GAP):g} '
        f'{y + THUMB[1] / 2:g}H{right - 4:g}"/>'
    )
    yield from thumbnail('result', [*CENTERS], right, y)
    yield text('s', middle, top + 104, caption)
    yield text('t', middle, top + 130, methods)


def draw_settings(settings: list) -> str:
    """The strip of all settings, two rows."""
    columns, space = len(settings) // 2, 12

    def parts() -> Iterator[str]:
        for index, setting in enumerate(settings):
            row, column = divmod(index, columns)
            left = space + column * (PANEL[0] + space)
            yield from panel(setting, left, space + row * (PANEL[1] + space))

    width = space + columns * (PANEL[0] + space)
    title = 'What the labels are in each setting, and which method learns from them'
    return sheet(title, width, space + 2 * (PANEL[1] + space), parts())


def drawings() -> dict[str, str]:
    """All drawings, by the names of their files."""
    concepts = CONTENT['concepts'].items()
    return {
        **{f'concept_{name}': draw(Drawing.read(entry)) for name, entry in concepts},
        'settings': draw_settings(CONTENT['settings']),
    }


def main() -> int:
    """Write or check the drawings; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--check', action='store_true', help='change nothing')
    check = parser.parse_args().check
    outdated = 0
    for name, content in drawings().items():
        path = HERE / 'images' / f'{name}.svg'
        if path.is_file() and path.read_text(encoding='utf-8') == content:
            continue
        outdated += 1
        if check:
            print(f'{path} is out of date: run python docs/make_drawings.py')
        else:
            path.write_text(content, encoding='utf-8')
    return int(check and outdated > 0)


if __name__ == '__main__':
    sys.exit(main())
