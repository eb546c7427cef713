"""Rows of the page that compares kinds of labels."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

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


def read_costs(work_dir: str | os.PathLike) -> tuple[list[LabelCost], list[str]]:
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


def join_costs(runs: Sequence[Sequence[LabelCost]]) -> list[LabelCost]:
    """Join the rows of runs with other seeds; predictions are those of the first.

    Raises:
        ValueError: They are not the same rows.

    Example:
        >>> one, two = (LabelCost('full', 'masks', 240.0, score=[s]) for s in (60, 62))
        >>> join_costs([[one], [two]])[0].score
        [60, 62]
    """
    names = [[cost.name for cost in run] for run in runs]
    if any(other != names[0] for other in names):
        raise ValueError(f'the runs have other rows: {names}')
    return [
        replace(
            same[0],
            score=[value for cost in same for value in cost.score],
            others={
                heading: [value for cost in same for value in cost.others[heading]]
                for heading in same[0].others
            },
        )
        for same in zip(*runs, strict=True)
    ]
