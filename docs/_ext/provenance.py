"""Sphinx extension: tables of all settings of a config and where each comes from.

The directive ``{provenance} configs/<method>/<config>.py`` lists the settings of the
resolved config, see ``mmseg_labelfree.utils.provenance``.
"""

import os
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from mmseg_labelfree.utils.provenance import Setting, config_files, config_settings

ROOT = Path(__file__).resolve().parents[2]
HEADER = ('setting', 'value', 'source', 'set in')


class Provenance(SphinxDirective):
    """The directive that writes the table of a config."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table, folded."""
        config = ROOT / self.arguments[0]
        for file in config_files(config):
            self.env.note_dependency(os.path.relpath(file, self.env.srcdir))
        body = nodes.tbody()
        for shown, value, note, place in config_settings(config):
            cells = [nodes.literal(text=shown), nodes.literal(text=value)]
            cells.append(nodes.inline(text=note))
            cells.append(self._link(place) if place else nodes.inline())
            body += nodes.row('', *(self._cell(cell) for cell in cells))
        head = nodes.row('', *(self._cell(nodes.inline(text=h)) for h in HEADER))
        group = nodes.tgroup('', cols=len(HEADER))
        group += [nodes.colspec(colwidth=25) for _ in HEADER]
        group += [nodes.thead('', head), body]
        summary = f'<details><summary>{self.arguments[0]}</summary>'
        return [
            nodes.raw('', summary, format='html'),
            nodes.table('', group, classes=['provenance']),
            nodes.raw('', '</details>', format='html'),
        ]

    def _link(self, place: Setting) -> nodes.reference:
        here = Path(self.env.doc2path(self.env.docname)).parent
        target = f'{os.path.relpath(place.file, here)}#L{place.line}'
        shown = f'{place.file.name}:{place.line}'
        link = nodes.reference('', shown, refuri=target)
        link.source = self.env.doc2path(self.env.docname)
        return link

    @staticmethod
    def _cell(content: nodes.Node) -> nodes.entry:
        return nodes.entry('', nodes.paragraph('', '', content))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.add_directive('provenance', Provenance)
    return dict(parallel_read_safe=True, parallel_write_safe=True)
