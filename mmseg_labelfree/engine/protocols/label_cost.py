"""Protocol that compares kinds of labels: trainings of several methods, one page."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmseg.registry import TASK_UTILS

from ...utils.checkpoint import MARKER
from ...utils.choices import check_choice, check_keys, check_names, check_range
from ...utils.command_line import read_file
from ...visualization.label_cost import LabelCost, write_label_cost
from .base import DataPart, Protocol, Stage
from .config_edit import take_from_run
from .model_check import located
from .shared_length import share_iterations
from .single_stage import build_protocol

__all__ = ['LabelCostProtocol']


@dataclass(frozen=True)
class CostRow:
    """Kind of labels, and the training that learns from it.

    Attributes:
        config: Config of a method.
        seconds: Seconds of work for the labels, per image of the dataset.
        score: Metric of the last stage that is drawn, over as many classes as the
            method tells apart.
        label: Name of the row. Defaults to its key.
        counts: What the score counts, where that is not what the other rows count.
        others: Further metrics of the last stage, key by heading.
        settings: Overrides of ``config``, nested or with dotted keys.
    """

    config: str
    seconds: float
    score: str
    label: str = ''
    counts: str = ''
    others: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def read(self) -> Config:
        """Read the config, with its overrides."""
        cfg = read_file(self.config)
        cfg.merge_from_dict(copy.deepcopy(dict(self.settings)))
        return cfg


@TASK_UTILS.register_module()
class LabelCostProtocol(Protocol):
    """Protocol that trains from several kinds of labels, for as long each.

    A row is the config of a method, with its own protocol if it has one, in a folder of
    its own. Its stages are those of that config. Their lengths are shared out so that
    all rows train for the same number of iterations, and whatever counts iterations in
    them is stretched alike, see ``share_iterations``. Seed and launcher are those of
    the config of the comparison, and its ``mixed_precision=True`` is ``--amp`` of each
    row. After each stage ``label_cost.html`` and its table and pictures are written
    again, see :func:`~mmseg_labelfree.visualization.label_cost.write_label_cost`.

    Args:
        rows: Arguments of the rows by their names: ``config``, a file; ``seconds`` of
            work an image; ``score``, a metric of the last stage, as in its
            ``finished.json``; and, if need be, ``label``, ``counts``, ``others`` and
            ``settings``, which are what to call the row, what the score counts, more
            metrics by heading, and overrides of its config.
        iterations: Iterations of each row, over all its stages.
        only: Names of the rows to run; others are shown where they are finished.
            Defaults to all.
        notes: Sentences below the table.

    Raises:
        ValueError: A row lacks an argument or has an unknown one, ``only`` names no
            row, or a row does not train by iterations.
        FileNotFoundError: There is no such config.

    Example:
        ``protocol=dict(type='LabelCostProtocol', iterations=1000, rows=dict(
        points=dict(config='configs/mib/demo_voc_points.py', seconds=22.1,
        score='mIoU')))``
    """

    def __init__(
        self,
        rows: Mapping[str, Mapping[str, Any]],
        iterations: int,
        only: Sequence[str] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        check_range(1, iterations=iterations)
        self.rows = {name: read_row(name, row) for name, row in rows.items()}
        self.only = list(rows) if only is None else chosen(only, self.rows)
        self.iterations = iterations
        self.notes = list(notes)
        self.columns = {
            key: key
            for row in self.rows.values()
            for key in [row.score, *row.others.values()]
        }

    def stages(self, cfg: Config) -> list[Stage]:
        """List the stages of the rows; ``<row>/<stage>`` where a row has several.

        These are the rows to run, and those that are finished in ``work_dir``.
        """
        found = {
            name: self._row_stages(cfg, name)
            for name in self.rows
            if name in self.only or Path(cfg.work_dir, name).is_dir()
        }
        return [
            stage
            for name, stages in found.items()
            if name in self.only or all(map(is_finished, stages))
            for stage in stages
        ]

    def check(self, stages: Sequence[Stage]) -> None:
        """Let the protocols of the rows check their stages."""
        for name, row in self.rows.items():
            own = [stage for stage in stages if stage.name.split('/')[0] == name]
            if own:
                with located(name):
                    build_protocol(row.read()).check(own)

    def data_parts(self, cfg: Config) -> list[DataPart]:
        """Images of the rows to run."""
        return [
            replace(part, name=f'{name} {part.name}', text=f'{name}: {part.text}')
            for name in self.only
            for row_cfg in [self._row_config(cfg, name)]
            for part in build_protocol(row_cfg).data_parts(row_cfg)
        ]

    def report(
        self, cfg: Config, stages: Sequence[Stage], finished: Mapping[str, Mapping]
    ) -> None:
        """Write the page of what is finished so far."""
        last = {stage.name.split('/')[0]: stage for stage in stages}
        costs = [
            self._cost(name, stage, finished.get(stage.name, {}).get('metrics', {}))
            for name, stage in last.items()
        ]
        title = Path(cfg.filename or cfg.work_dir).stem
        notes = [
            f'Each row trains for {self.iterations} iterations, over all its stages.',
            *self.notes,
        ]
        write_label_cost(cfg.work_dir, costs, title, notes)

    def _row_stages(self, cfg: Config, name: str) -> list[Stage]:
        with located(name):
            row_cfg = self._row_config(cfg, name)
            stages = build_protocol(row_cfg).stages(row_cfg)
            stages = share_iterations(stages, self.iterations)
        return [
            replace(stage, name=name if stage.name == name else f'{name}/{stage.name}')
            for stage in stages
        ]

    def _row_config(self, cfg: Config, name: str) -> Config:
        """Config of a row, with its work dir, and what the command line has set."""
        own = self.rows[name].read()
        own.work_dir = f'{cfg.work_dir}/{name}'
        take_from_run(own, cfg)
        return own

    def _cost(self, name: str, last: Stage, metrics: Mapping[str, float]) -> LabelCost:
        """What the page shows of a row; no score before its last stage is finished."""
        row = self.rows[name]
        others = {f'others.{heading}': key for heading, key in row.others.items()}
        for argument, key in dict(score=row.score, **others).items():
            if metrics and key not in metrics:
                raise ValueError(
                    f'protocol.rows.{name}.{argument}={key} is no metric of '
                    f'{last.name}, which has {list(metrics)}'
                )
        return LabelCost(
            name=name,
            label=row.label or name,
            seconds=row.seconds,
            counts=row.counts,
            score=[metrics[row.score]] if metrics else [],
            others={h: [metrics[k]] if metrics else [] for h, k in row.others.items()},
            config='/'.join(Path(row.config).parts[-2:]),
            folder=last.cfg.work_dir,
        )


def is_finished(stage: Stage) -> bool:
    """Whether the folder of a stage holds its results."""
    return Path(stage.cfg.work_dir, MARKER).is_file()


def read_row(name: str, row: Mapping[str, Any]) -> CostRow:
    """Read the arguments of a row.

    Raises:
        ValueError: One is missing, or there is no such argument.
    """
    check_keys(f'protocol.rows.{name}', row, [f.name for f in fields(CostRow)])
    for key in ('config', 'seconds', 'score'):
        if row.get(key) is None:
            raise ValueError(
                f'protocol.rows.{name} has no {key}: a row needs config, seconds (of '
                'work an image) and score (a metric of its last stage)'
            )
    check_range(0, **{f'protocol.rows.{name}.seconds': row['seconds']})
    return CostRow(**row)


def chosen(only: Sequence[str], rows: Mapping[str, Any]) -> list[str]:
    """Names of the rows to run, in the order of the rows.

    Raises:
        ValueError: One is no row.
    """
    check_names(only=only)
    for name in only:
        check_choice('row of only', name, list(rows))
    return [name for name in rows if name in only]
