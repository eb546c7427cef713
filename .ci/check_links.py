"""Checks the links inside the repository's Markdown files: each file and each heading.

Links to the web are not followed. Prints a line for each broken link; exits with 1 if
there is one.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[1]
PAGES = ('*.md', *(f'{d}/**/*.md' for d in ('.github', 'configs', 'docs', 'tools')))
DATA_PAGE = 'data/README.md'  # the folder itself holds downloads


def main() -> int:
    """Check all pages; the number of broken links decides the exit status."""
    pages = {page for pattern in PAGES for page in ROOT.glob(pattern)}
    pages |= set(ROOT.glob(DATA_PAGE))
    faults = [fault for page in sorted(pages) for fault in broken_links(page)]
    print('\n'.join(faults) or f'{len(pages)} pages: all links inside them resolve')
    return bool(faults)


def broken_links(page: Path) -> Iterator[str]:
    """One line for each link of a page to a file or heading that is not there."""
    for line, target in links(page):
        if re.match(r'[a-z][a-z+.-]*:', target):  # https:, mailto:
            continue
        path, _, heading = unquote(target).partition('#')
        file = (page.parent / path).resolve() if path else page
        where = f'{page.relative_to(ROOT)}:{line}: {target}'
        if not file.is_relative_to(ROOT) or not file.exists():
            yield f'{where}: no such file'
        elif heading and file.suffix == '.md' and heading not in headings(file):
            yield f'{where}: no such heading in {file.relative_to(ROOT)}'


def links(page: Path) -> Iterator[tuple[int, str]]:
    """Line and target of each link and picture of a page."""
    for block in parse(page):
        line = block.map[0] + 1 if block.map else 1
        for part in (block, *(block.children or [])):
            targets = [part.attrs[k] for k in ('href', 'src') if k in part.attrs]
            if part.type.startswith('html_'):
                targets = re.findall(r'\b(?:href|src)="([^"]+)"', part.content)
            yield from ((line, str(target)) for target in targets)


def headings(page: Path) -> set[str]:
    """The anchors that the headings of a page get on the web, and those of its HTML."""
    anchors = set(re.findall(r'\bid="([^"]+)"', page.read_text(encoding='utf-8')))
    seen: Counter[str] = Counter()
    for opening, inline in pairwise(parse(page)):
        if opening.type == 'heading_open':
            text = ''.join(part.content for part in inline.children or [])
            anchor = re.sub(r'[^\w\- ]', '', text.lower()).replace(' ', '-')
            anchors.add(f'{anchor}-{seen[anchor]}' if seen[anchor] else anchor)
            seen[anchor] += 1
    return anchors


def parse(page: Path) -> list[Token]:
    """The page's blocks."""
    parser = MarkdownIt('commonmark').enable('table')
    return parser.parse(page.read_text(encoding='utf-8'))


if __name__ == '__main__':
    sys.exit(main())
