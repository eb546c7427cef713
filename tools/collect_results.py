"""One Markdown table from the results of several runs.

Each row is a method: the mean of its runs and, with more than one (other seeds), their
sample standard deviation. A run is the work dir of a protocol, whose last stage counts,
or of one training or test, whose last score counts. Work dirs joined by '+' are one
run: several class orders, of which MiB's Table 3 shows the mean.

Example:
    python tools/collect_results.py FT=work_dirs/ft MiB=work_dirs/mib,work_dirs/mib_1
    python tools/collect_results.py MiB=work_dirs/ade_100-50+work_dirs/ade_100-50b
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

_PLAIN_COLUMNS = {
    'mIoU': 'mIoU',
    'accuracy': 'aAcc',
    'mIoU, student': 'student/mIoU',
    'mIoU, teacher': 'teacher/mIoU',
}


def last_metrics(work_dir: str) -> tuple[dict[str, str], dict[str, float]]:
    """Columns (heading -> key) and the last metrics of a run."""
    path = Path(work_dir) / 'results.json'
    if path.is_file():
        content = json.loads(path.read_text(encoding='utf-8'))
        return content['columns'], list(content['stages'].values())[-1]['metrics']
    # LoggerHook: <time>/<time>.json of a test, <time>/vis_data/scalars.json of training
    logs = [*Path(work_dir).glob('[0-9]*/[0-9]*.json')]
    logs += Path(work_dir).glob('[0-9]*/vis_data/scalars.json')
    for log in sorted(logs, reverse=True):
        for line in reversed(log.read_text(encoding='utf-8').splitlines()):
            metrics = json.loads(line)
            found = {k: v for k, v in _PLAIN_COLUMNS.items() if v in metrics}
            if found:
                return found, metrics
    raise FileNotFoundError(
        f'{work_dir} has neither a results.json nor a log with an mIoU: has the run '
        'finished?'
    )


def mean_of_orders(work_dirs: str) -> tuple[dict[str, str], dict[str, float]]:
    """Columns and metrics of a run, means over the work dirs joined by '+'."""
    columns, runs = zip(*map(last_metrics, work_dirs.split('+')), strict=True)
    if any(set(other) != set(columns[0]) for other in columns):
        raise ValueError(
            f'{work_dirs} are results with different columns; join runs of one task '
            'that differ in the class order.'
        )
    keys = {key for key in runs[0] if all(key in run for run in runs)}
    keys &= {*columns[0].values(), *(key for key in keys if key.startswith('IoU/'))}
    means = {k: float(np.mean([run[k] for run in runs])) for k in runs[0] if k in keys}
    return columns[0], means


def cell(values: Sequence[float]) -> str:
    """Mean, with the standard deviation if there are several values."""
    if np.isnan(values).any():
        return '-'
    text = f'{np.mean(values):.1f}'
    return text if len(values) == 1 else f'{text} ± {np.std(values, ddof=1):.1f}'


def table(rows: Sequence[tuple[str, Sequence[str]]], per_class: bool = False) -> str:
    """Markdown table of methods and their runs, with the columns of all of them.

    Args:
        rows: Name of a method and the work dirs of its runs, those of several class
            orders joined by '+'.
        per_class: One column a class instead of the groups.

    Raises:
        FileNotFoundError: A run has no results.
        ValueError: Joined runs have different columns.
    """
    runs = {name: [mean_of_orders(d) for d in work_dirs] for name, work_dirs in rows}
    columns: dict[str, str] = {}
    for headings, metrics in (run for several in runs.values() for run in several):
        if per_class:
            keys = [k for k in metrics if k.startswith('IoU/')]
            headings = {k.removeprefix('IoU/'): k for k in keys}
        columns |= headings
    lines = ['| method | runs | ' + ' | '.join(columns) + ' |']
    lines.append('|---|---:|' + '---:|' * len(columns))
    for name, several in runs.items():
        cells = [
            cell([metrics.get(key, float('nan')) for _, metrics in several])
            for key in columns.values()
        ]
        lines.append(f'| {name} | {len(several)} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('rows', nargs='+', help='NAME=WORK_DIR[+WORK_DIR...][,...]')
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
