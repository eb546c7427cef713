"""Sphinx extension: links in Markdown mean what they mean on GitHub.

A link is relative to the file that it stands in, wherever that file is included. A link
to a page of the site, or to a heading of one, leads there. Any other file of the
repository gets a page with its text, `files/<path>`, whose lines have anchors `#L-<n>`.
"""

import posixpath
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.osutil import relative_uri

ROOT = Path(__file__).resolve().parents[2]
PAGES = {'README.md': 'index', 'demo/semi_supervised.ipynb': 'notebook'}
logger = logging.getLogger(__name__)


def page_of_files(app: Sphinx) -> dict[str, str]:
    """Repository file -> the page that is made of it, or that includes it."""
    pages = dict(PAGES)
    for docname in sorted(app.env.found_docs):
        source = Path(app.env.doc2path(docname)).resolve()
        used = (Path(app.srcdir, name) for name in app.env.dependencies[docname])
        for file in (source, *(path.resolve() for path in used)):
            if file.is_relative_to(ROOT) and file.suffix in ('.md', '.rst', '.ipynb'):
                pages.setdefault(file.relative_to(ROOT).as_posix(), docname)
    return pages


def holder(node: nodes.Node | None) -> Path:
    """The file that a node was read from."""
    while node is not None and not node.source:
        node = node.parent
    return Path(node.source if node is not None and node.source else ROOT)


def resolve(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Turn each link to a file or heading of the repository into one of the site."""
    pages = page_of_files(app)
    for reference in doctree.findall(nodes.reference):
        target = reference.get('refuri', '')
        if not target or reference.get('internal') or urlsplit(target).scheme:
            continue
        path, _, fragment = unquote(target).partition('#')
        source = holder(reference).resolve()
        file = (source.parent / path).resolve() if path else source
        name = file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else ''
        uri = _page(app, pages, name, fragment) or _text(app, name, fragment)
        if uri is None:
            logger.warning('no target for the link %s', target, location=reference)
            continue
        here = app.builder.get_target_uri(docname)
        target, anchor, place = uri.partition('#')
        reference['refuri'] = relative_uri(here, target) + anchor + place
        reference['internal'] = True


def _page(app: Sphinx, pages: dict, name: str, fragment: str) -> str | None:
    docname = pages.get(name) or 'api/' + name.replace('/', '.')
    if docname not in app.env.found_docs:
        return None
    uri = app.builder.get_target_uri(docname)
    if not fragment:
        return uri
    slugs = app.env.metadata[docname].get('myst_slugs', {})
    return f'{uri}#{slugs[fragment][1]}' if fragment in slugs else None


def _text(app: Sphinx, name: str, fragment: str) -> str | None:
    if not name or not (ROOT / name).is_file() or name.endswith('.md'):
        return None
    shown = app.env.__dict__.setdefault('repository_files', set())
    shown.add(name)
    uri = app.builder.get_target_uri(f'files/{name}')
    return f'{uri}#L-{fragment[1:]}' if fragment.startswith('L') else uri


def text_pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """A page with the text of each file that is linked."""
    formatter = HtmlFormatter(cssclass='highlight repository-file', linespans='L')
    for name in sorted(app.env.__dict__.get('repository_files', ())):
        try:
            lexer = get_lexer_for_filename(name)
        except ClassNotFound:
            lexer = TextLexer()
        code = highlight((ROOT / name).read_text(encoding='utf-8'), lexer, formatter)
        body = (
            f'<h1>{escape(posixpath.basename(name))}</h1><p><code>{escape(name)}</code>'
            f'</p>{code}'
        )
        yield f'files/{name}', dict(title=name, body=body, parents=[]), 'page.html'


def share_navigation(app: Sphinx, name: str, template: str, context: dict, _) -> None:
    """Make the navigation of the text pages once for each depth of folders."""
    if not name.startswith('files/') or 'toctree' not in context:
        return
    known = app.env.__dict__.setdefault('repository_navigation', {})
    depth, make = name.count('/'), context['toctree']

    def navigation(**options: Any) -> str:
        if depth not in known:
            known[depth] = make(**options)
        return known[depth]

    context['toctree'] = navigation


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect('doctree-resolved', resolve)
    app.connect('html-collect-pages', text_pages)
    app.connect('html-page-context', share_navigation, priority=400)  # Furo's: 500
    return dict(parallel_read_safe=True, parallel_write_safe=False)
