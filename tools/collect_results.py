"""One Markdown table from the results of several runs.

Each row is a method: the mean of its runs and, with more than one (other seeds), their
sample standard deviation. A run is the folder of a training, of a protocol, whose last
stage counts, or of a test (`WORK_DIR/test/...`): each has a `results.json` that says
what its scores are of, and runs that differ in it have no mean. Folders joined by '+'
are one run: several class orders, of which MiB's Table 3 shows the mean.

Example:
    python tools/collect_results.py FT=work_dirs/ft MiB=work_dirs/mib,work_dirs/mib_1
    python tools/collect_results.py MiB=work_dirs/ade_100-50+work_dirs/ade_100-50b
    python tools/collect_results.py CRF=work_dirs/points/test/iter_3000_crf
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Result:
    """Scores of a run.

    Attributes:
        columns: Keys of the metrics by heading.
        metrics: In percent.
        scored: What the scores are of, such as 'step_1: 200 of val.txt in training'.
    """

    columns: dict[str, str]
    metrics: dict[str, float]
    scored: str


def read_result(folder: str) -> Result:
    """Read the results of a run: of its last stage.

    Raises:
        FileNotFoundError: The folder has no ``results.json``.
        ValueError: It is a comparison of kinds of labels, which is no method.
    """
    path = Path(folder) / 'results.json'
    if path.with_name('label_cost.json').is_file():
        raise ValueError(
            f'{folder} compares kinds of labels, and its last stage is one of them: '
            'tools/join_label_costs.py makes one page of such runs'
        )
    if not path.is_file():
        tests = ', '.join(
            str(p.parent) for p in Path(folder).glob('**/test/*/results.json')
        )
        raise FileNotFoundError(
            f'{folder} has no results.json: has the run finished?'
            + (f' Its tests are {tests}' if tests else '')
        )
    content = json.loads(path.read_text(encoding='utf-8'))
    *earlier, (stage, last) = content['stages'].items()
    text = _text(last.get('scored'))
    if earlier:  # a single stage is called after its folder
        text = f'{stage}: {text}'
    return Result(content['columns'], last['metrics'], text)


def _text(scored: Mapping[str, Any] | None) -> str:
    if not scored:
        return '-'
    parts = [scored['model'], 'CRF' * scored['crf'], 'TTA' * scored['tta']]
    run = 'in training' if scored['run'] == 'training' else 'by test.py'
    images = f'{scored["images"]} of {scored["subset"]} {run}'
    return ', '.join([part for part in parts if part] + [images])


def mean_of_orders(folders: str) -> Result:
    """Results of a run, means over the folders joined by '+'."""
    runs = [read_result(folder) for folder in folders.split('+')]
    if any(set(run.columns) != set(runs[0].columns) for run in runs):
        raise ValueError(
            f'{folders} are results with different columns; join runs of one task '
            'that differ in the class order.'
        )
    kept = {*runs[0].columns.values()}
    means = {
        key: float(np.mean([run.metrics[key] for run in runs]))
        for key in runs[0].metrics
        if (key in kept or key.startswith('IoU/'))
        and all(key in run.metrics for run in runs)
    }
    return Result(runs[0].columns, means, same_scored(folders, runs))


def same_scored(name: str, runs: Sequence[Result]) -> str:
    """What the scores of several runs are of.

    Raises:
        ValueError: They are of different things.
    """
    kinds = list(dict.fromkeys(run.scored for run in runs))
    if len(kinds) > 1:
        raise ValueError(
            f'{name} mixes scores of {" and ".join(kinds)}: give runs that ended at '
            'the same stage and were scored alike'
        )
    return kinds[0]


def cell(values: Sequence[float]) -> str:
    """Mean, with the standard deviation if there are several values."""
    if np.isnan(values).any():
        return '-'
    text = f'{np.mean(values):.1f}'
    return text if len(values) == 1 else f'{text} ± {np.std(values, ddof=1):.1f}'


def table(rows: Sequence[tuple[str, Sequence[str]]], per_class: bool = False) -> str:
    """Markdown table of methods and their runs, with the columns of all of them.

    Args:
        rows: Name of a method and the folders of its runs, those of several class
            orders joined by '+'.
        per_class: One column a class instead of the groups.

    Raises:
        FileNotFoundError: A run has no results.
        ValueError: Joined runs have different columns, the runs of a method ended at
            different stages or were scored differently, or one is no method.
    """
    runs = {name: [mean_of_orders(d) for d in folders] for name, folders in rows}
    columns: dict[str, str] = {}
    for run in (run for several in runs.values() for run in several):
        headings = run.columns
        if per_class:
            keys = [k for k in run.metrics if k.startswith('IoU/')]
            headings = {k.removeprefix('IoU/'): k for k in keys}
        columns |= headings
    lines = ['| method | runs | ' + ' | '.join(columns) + ' | scored |']
    lines.append('|---|---:|' + '---:|' * len(columns) + '---|')
    for name, several in runs.items():
        cells = [
            cell([run.metrics.get(key, float('nan')) for run in several])
            for key in columns.values()
        ]
        cells.append(same_scored(name, several))
        lines.append(f'| {name} | {len(several)} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('rows', nargs='+', help='NAME=FOLDER[+FOLDER...][,...]')
    parser.add_argument('--per-class', action='store_true', help='IoU of each class')
    args = parser.parse_args()
    rows = []
    for row in args.rows:
        name, separator, folders = row.partition('=')
        if not separator:
            parser.error(f'{row!r} is not NAME=FOLDER[,FOLDER...]')
        rows.append((name, folders.split(',')))
    try:
        print(table(rows, args.per_class))
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f'Error: {error}')


if __name__ == '__main__':
    main()
