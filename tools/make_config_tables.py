"""Write the table of configs in each method's README from its metafile.

The table stands between the lines `<!-- configs -->` and `<!-- /configs -->` of
configs/<method>/README.md and holds what configs/<method>/metafile.yaml says: each
config, the options that make another of the paper's rows of it, the data, and the
published figures.

Example:
    python tools/make_config_tables.py            # write all tables
    python tools/make_config_tables.py --check    # only name those out of date
"""

import argparse
import re
import sys
from collections.abc import Iterable
from pathlib import Path


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--check', action='store_true', help='write nothing; fail if a table is old'
    )
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

from mmseg_labelfree.utils.files import write_text
from mmseg_labelfree.utils.metafile import (
    MetafileEntry,
    PublishedResult,
    read_metafile,
)

ROOT = Path(__file__).resolve().parents[1]
MARKED = re.compile(r'(<!-- configs -->\n).*?(<!-- /configs -->)', re.DOTALL)
HEADER = ['| config | options | data | published |', '|---|---|---|---|']


def config_table(entries: Iterable[MetafileEntry]) -> str:
    """Markdown table of a metafile; the rows of one config stand together."""
    by_config: dict[str, list[MetafileEntry]] = {}
    for entry in entries:
        by_config.setdefault(Path(entry.config).stem, []).append(entry)
    lines = list(HEADER)
    for stem, group in by_config.items():
        rows = [(e, result) for e in group for result in e.results or (None,)]
        for index, (entry, result) in enumerate(rows):
            link = '' if index else f'[{stem}]({stem}.py)'
            cells = link, _options(entry, result), entry.data, str(result or '')
            lines.append('| ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines) + '\n'


def _options(entry: MetafileEntry, result: PublishedResult | None) -> str:
    """Options of training and test as they are typed."""
    options = [f'{k}={v}'.replace(' ', '') for k, v in entry.options.items()]
    if result is not None and result.test:
        options.append(f'test.py {result.test}')
    return ' '.join(f'`{option}`' for option in options)


def with_table(readme: Path) -> str:
    """Text of a method's README with the table of the metafile beside it.

    Raises:
        ValueError: The README does not have the two markers once.
    """
    table = config_table(read_metafile(readme.with_name('metafile.yaml')))
    text, count = MARKED.subn(
        lambda match: match[1] + table + match[2], readme.read_text(encoding='utf-8')
    )
    if count != 1:
        raise ValueError(
            f'{readme} has the lines <!-- configs --> and <!-- /configs --> {count} '
            'times: write them once, where the table belongs'
        )
    return text


def main() -> None:
    """Write or check the tables."""
    args = parse_args()
    old = []
    for metafile in sorted(ROOT.glob('configs/*/metafile.yaml')):
        readme = metafile.with_name('README.md')
        text = with_table(readme)
        if text != readme.read_text(encoding='utf-8'):
            old.append(str(readme.relative_to(ROOT)))
            if not args.check:
                write_text(readme, text)
    if old:
        print('\n'.join(old))
    if old and args.check:
        sys.exit('out of date: run python tools/make_config_tables.py')


if __name__ == '__main__':
    main()
