"""The page of a run, read as a browser reads it."""

import math
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from mmseg_labelfree.utils.metafile import PublishedResult
from mmseg_labelfree.utils.provenance import Row
from mmseg_labelfree.visualization import write_page, write_report
from mmseg_labelfree.visualization.prediction_strips import (
    PredictionStrips,
    Strip,
    write_strip,
)

MADE_BY = dict(command='train <b>', environment=dict(Python='3.11'))
RESULTS = {
    'step_0': dict(
        metrics={'mIoU': 51.24, 'IoU/a<b': 51.24, 'IoU/dog': math.nan},
        seconds=12.3,
        iterations=4,
        made_by=MADE_BY,
    ),
}
COLUMNS = {'all & more': 'mIoU'}
PUBLISHED = PublishedResult({'mIoU': 60.0}, 'Table 1')
VOID = {'meta', 'img'}


class Page(HTMLParser):
    """Text of cells, headings and captions, images, and what is never closed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self.attributes: list[tuple[str, dict]] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        self.attributes.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.texts.append((self.open[-1], data.strip()))

    def all(self, tag):
        return [text for kind, text in self.texts if kind == tag]


def test_a_page_holds_everything_itself(tmp_path):
    folder = tmp_path / 'step_0'
    image = np.full((40, 60, 3), 9, np.uint8)
    labels = np.zeros((40, 60), np.uint8)
    palette = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
    file = write_strip(folder, 'first_1', image, [labels, labels], palette)
    strips = [Strip('first images', 'street<1>', 12.34, file)]
    colors = {'a<b': [1, 2, 3], 'dog': [4, 5, 6]}
    PredictionStrips(colors, ['a<b'], strips).write(folder)
    write_report(tmp_path, RESULTS, COLUMNS, 'de<mo', PUBLISHED)
    settings = [
        Row('model.depth', "'<18>'", 'Table <1>', None),
        Row('model.width', '4', 'Table <1>', None),
    ]
    write_page(tmp_path, RESULTS, COLUMNS, 'de<mo', PUBLISHED, settings=settings)
    page = Page(tmp_path / 'report.html')
    assert page.open == []
    assert page.all('h1') == ['de<mo']
    cells = page.all('td')
    assert {'51.2', '60.0', 'published (Table 1)', 'a<b', 'dog', '-'} <= {*cells}
    assert {'model.depth', "'<18>'", 'Table <1>', 'train <b>', '3.11'} <= {*cells}
    assert cells.count('Table <1>') == 1 and '\N{DOUBLE PRIME}' in cells
    assert page.all('th').count('all & more') == 1
    assert page.all('figcaption') == ['street<1>, mIoU 12.3']
    sources = [a['src'] for tag, a in page.attributes if tag == 'img']
    assert [s.partition(';')[0] for s in sources] == [
        'data:image/png',
        'data:image/jpeg',
    ]
    assert not {'script', 'link'} & {tag for tag, _ in page.attributes}
    swatches = [a['style'] for tag, a in page.attributes if tag == 'i']
    assert swatches.count('background: rgb(1, 2, 3)') == 2  # legend and table
    assert swatches.count('background: rgb(4, 5, 6)') == 1


def test_a_page_of_a_run_that_has_drawn_nothing(tmp_path):
    write_page(tmp_path, {'a': dict(metrics={}, seconds=1)}, {}, 'demo')
    page = Page(tmp_path / 'report.html')
    assert page.all('h2') == ['Results'] and page.open == []


def test_pictures_of_stages_are_on_the_page(tmp_path):
    for name in ('clusters.png', 'panels/iter_1.png', '20200101/panels/iter_2.png'):
        path = tmp_path / 'step_0' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'\x89PNG')
    write_page(tmp_path, RESULTS, COLUMNS, 'demo')
    assert Page(tmp_path / 'report.html').all('figcaption') == [
        'step_0: clusters.png',
        'step_0: 20200101/panels/iter_2.png',
    ]
