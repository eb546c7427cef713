"""The drawings are up to date, and nothing stands outside or over its box."""

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from PIL import ImageFont

ROOT = Path(__file__).parents[2]
CONCEPTS = sorted((ROOT / 'docs/images').glob('concept_*.svg'))
SVG = '{http://www.w3.org/2000/svg}'


def test_drawings_are_up_to_date():
    command = [sys.executable, str(ROOT / 'docs/make_drawings.py'), '--check']
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize('path', CONCEPTS, ids=lambda path: path.stem)
def test_text_fits_into_its_box(path):
    root = ET.parse(path).getroot()
    boxes = [
        [float(rect.get(key)) for key in ('x', 'y', 'width', 'height')]
        for rect in root.iter(f'{SVG}rect')
        if rect.get('x')
    ]
    fonts = {
        kind: ImageFont.load_default(size) for kind, size in (('t', 14), ('s', 12))
    }
    lines = [line for line in root.iter(f'{SVG}text') if line.get('class') in fonts]
    assert len(lines) > len(boxes) > 4
    for line in lines:
        x, y = float(line.get('x')), float(line.get('y'))
        width = fonts[line.get('class')].getlength(line.text)
        assert any(
            left + width / 2 < x < left + w - width / 2 and top + 10 < y < top + h - 3
            for left, top, w, h in boxes
        ), line.text


def test_every_method_has_a_drawing():
    methods = {path.parent.name for path in ROOT.glob('configs/*/metafile.yaml')}
    drawn = {path.stem.removeprefix('concept_') for path in CONCEPTS}
    assert drawn == methods | {'sepico'}  # which is on DAFormer's page
    page = (ROOT / 'docs/concepts.md').read_text()
    assert all(f'(images/{path.name})' in page for path in CONCEPTS)
