"""Rows of the page that compares kinds of labels."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ..utils.files import reading

__all__ = ['LabelCost', 'join_costs', 'read_costs']


@dataclass(frozen=True)
class LabelCost:
    """Kind of labels: its price, and scores of what was trained from it.

    Attributes:
        name: Name of the row.
        label: What it is called.
        seconds: Seconds of work for the labels, per image of the dataset.
        counts: What the score counts, where that is not what the other rows count.
        score: In percent, of each seed; empty where it is not known yet.
        others: Further scores of each seed by heading.
        config: Config of the training.
        folder: Folder of its last stage, from which predictions are shown.
    """

    name: str
    label: str
    seconds: float
    counts: str = ''
    score: Sequence[float] = ()
    others: Mapping[str, Sequence[float]] = field(default_factory=dict)
    config: str = ''
    folder: str = ''


#: Rows and notes of a page.
CostRun = tuple[Sequence[LabelCost], Sequence[str]]

# What runs of one comparison do not have in common.
_OF_A_RUN = ('score', 'others', 'folder')


def read_costs(work_dir: str | os.PathLike) -> CostRun:
    """Read the rows and notes that :func:`write_label_cost` has left in a folder.

    Raises:
        FileNotFoundError: There are none.
        ValueError: The file is damaged.
    """
    path = Path(work_dir, 'label_cost.json')
    if not path.is_file():
        raise FileNotFoundError(
            f'{path} does not exist: is {work_dir} the folder of a label_cost run?'
        )
    with reading(path, 'run the same command with --resume'):
        content = json.loads(path.read_text(encoding='utf-8'))
        return [LabelCost(**row) for row in content['rows']], content['notes']


def join_costs(runs: Mapping[str, CostRun]) -> tuple[list[LabelCost], list[str]]:
    """Join the rows of runs with other seeds.

    Args:
        runs: Rows and notes of each run, by its folder.

    Returns:
        Rows with the scores of all runs, and the predictions of the first run that has
        a score; and notes, which name the runs that lack one.

    Raises:
        ValueError: They are not runs of one comparison: rows, notes or settings differ.

    Example:
        >>> one, two = (LabelCost('full', 'masks', 240.0, score=[s]) for s in (60, 62))
        >>> (row,), notes = join_costs({'seed_0': ([one], []), 'seed_1': ([two], [])})
        >>> row.score, notes
        ([60, 62], ['Mean and spread of 2 runs.'])
    """
    (first, run), *others = runs.items()
    for name, other in others:
        _check_same(first, _settings(run), name, _settings(other))
    rows, lacking = [], []
    for same in zip(*(rows for rows, _ in runs.values()), strict=True):
        without = [name for name, c in zip(runs, same, strict=True) if not len(c.score)]
        rows.append(_joined(same))
        if without:
            lacking.append(f'{same[0].label}: no score in {", ".join(without)}.')
    return rows, [*run[1], f'Mean and spread of {len(runs)} runs.', *lacking]


def _joined(same: Sequence[LabelCost]) -> LabelCost:
    """One row of all runs; its label tells how many, if some lack a score."""
    label, scored = same[0].label, [cost for cost in same if len(cost.score)]
    if 0 < len(scored) < len(same):
        label += f' ({len(scored)} of {len(same)} runs)'
    return replace(
        (scored or same)[0],
        label=label,
        score=[value for cost in same for value in cost.score],
        others={
            heading: [value for cost in same for value in cost.others[heading]]
            for heading in same[0].others
        },
    )


def _settings(run: CostRun) -> dict[str, Any]:
    """What runs of one comparison have in common, by what it is called."""
    rows, notes = run
    found: dict[str, Any] = {'the rows': [cost.name for cost in rows]}
    for cost in rows:
        found |= {
            f'{f.name} of {cost.name}': getattr(cost, f.name)
            for f in fields(cost)
            if f.name not in _OF_A_RUN
        }
        found[f'headings of {cost.name}'] = [*cost.others]
    return found | {'the notes': [*notes]}


def _check_same(
    first: str, expected: Mapping[str, Any], other: str, found: Mapping[str, Any]
) -> None:
    for key, value in expected.items():
        if found.get(key) != value:
            raise ValueError(
                f'{first} and {other} differ in {key}, {value} and {found.get(key)}: '
                'join runs of one config that differ in the seed'
            )
