"""One Markdown table from the results of several protocol runs.

Each row is a method: the mean of the last stages and, with more than one run (other
seeds), their sample standard deviation.

Example:
    python tools/collect_results.py FT=work_dirs/ft MiB=work_dirs/mib,work_dirs/mib_1
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def last_metrics(work_dir: str) -> tuple[dict[str, str], dict[str, float], float]:
    """Columns, the last stage's metrics and the seconds of a whole run."""
    path = Path(work_dir) / 'results.json'
    if not path.is_file():
        raise FileNotFoundError(f'{path} is missing: has the protocol finished?')
    content = json.loads(path.read_text(encoding='utf-8'))
    stages = list(content['stages'].values())
    seconds = sum(stage['seconds'] for stage in stages)
    return content['columns'], stages[-1]['metrics'], seconds


def cell(values: Sequence[float]) -> str:
    """Mean, with the standard deviation if there are several values."""
    if np.isnan(values).any():
        return '-'
    text = f'{np.mean(values):.1f}'
    return text if len(values) == 1 else f'{text} ± {np.std(values, ddof=1):.1f}'


def table(rows: Sequence[tuple[str, Sequence[str]]], per_class: bool = False) -> str:
    """Markdown table of methods and their runs.

    Args:
        rows: Name of a method and the work dirs of its runs.
        per_class: One column a class instead of the groups.

    Raises:
        FileNotFoundError: A run has no ``results.json``.
    """
    lines = []
    for name, work_dirs in rows:
        runs = [last_metrics(d) for d in work_dirs]
        columns = runs[0][0]
        if per_class:
            keys = [k for k in runs[0][1] if k.startswith('IoU/')]
            columns = {k.removeprefix('IoU/'): k for k in keys}
        if not lines:
            lines.append('| method | runs | ' + ' | '.join(columns) + ' | minutes |')
            lines.append('|---|---:|' + '---:|' * (len(columns) + 1))
        cells = [
            cell([metrics.get(key, float('nan')) for _, metrics, _ in runs])
            for key in columns.values()
        ]
        minutes = np.mean([seconds for *_, seconds in runs]) / 60
        cells.append(f'{minutes:.0f}')
        lines.append(f'| {name} | {len(runs)} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('rows', nargs='+', help='NAME=WORK_DIR[,WORK_DIR...]')
    parser.add_argument('--per-class', action='store_true', help='IoU of each class')
    args = parser.parse_args()
    rows = []
    for row in args.rows:
        name, separator, work_dirs = row.partition('=')
        if not separator:
            parser.error(f'{row!r} is not NAME=WORK_DIR[,WORK_DIR...]')
        rows.append((name, work_dirs.split(',')))
    print(table(rows, args.per_class))


if __name__ == '__main__':
    main()
