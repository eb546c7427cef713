"""Runs a protocol's stages one after another, and goes on after any stop."""

import copy
import gc
import json
import logging
import time
from importlib.metadata import version
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dist import barrier, is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner, find_latest_checkpoint

from ...utils.checkpoint import resolve_checkpoint
from ...utils.files import write_text
from ...utils.metafile import published_result
from ...visualization.reports import print_table, write_report
from ..jobs.base import run_job
from .base import MARKER, Stage, build_protocol
from .progress import ProgressHook, format_seconds
from .same_stage import check_same_stage


class ProtocolRunner:
    """Runs the stages of ``cfg.protocol`` in fresh Runners, or as jobs.

    Each stage is written to ``<work_dir>/<stage>/config.py`` and runs as that plain
    config would. A stage counts as finished when ``finished.json``, with its
    metrics, is in its folder; the file is written last, through a rename. With
    ``resume`` finished stages are skipped and the interrupted one goes on from its last
    checkpoint. At the end ``results.json``, ``results.md`` and ``curves.png`` are in
    ``work_dir``.

    Args:
        cfg (Config): A config with ``protocol`` and ``work_dir``.
        resume: Go on with what is in ``work_dir``.

    Raises:
        FileExistsError: ``work_dir`` holds finished stages and ``resume`` is False.
        FileNotFoundError: A stage is to run alone, and one before it is not finished.
        ValueError: A stage to resume was run with other settings, or ``only`` is no
            stage.
    """

    def __init__(self, cfg: Config, resume: bool = False) -> None:
        self.cfg = cfg
        self.resume = resume
        self.work_dir = Path(cfg.work_dir)
        self.protocol = build_protocol(cfg)
        self.stages = self.protocol.stages(cfg)

    def stage(self, name: str | None = None) -> Stage:
        """The stage of that name; by default the last one."""
        by_name = {s.name: s for s in self.stages}
        if name is not None and name not in by_name:
            raise ValueError(f'no stage {name!r}; the stages are {list(by_name)}')
        return self.stages[-1] if name is None else by_name[name]

    def run(self, only: str | None = None) -> dict[str, dict]:
        """Run all stages, or only the named one.

        Args:
            only: Name of the one stage to run; the earlier ones must be finished.

        Returns:
            Contents of ``finished.json`` by stage, for the stages that are finished.
        """
        wanted = self.stages if only is None else [self.stage(only)]
        self._check_begun(wanted)
        self._check_earlier(wanted[0])
        progress = None
        for index, stage in enumerate(self.stages):
            if stage not in wanted or self._finished(stage):
                continue
            progress = progress or ProgressHook(self.stages, index)
            progress.current = index
            self._announce(index, stage)
            self._run_stage(stage, progress)
        finished = {s.name: f for s in self.stages if (f := self._finished(s))}
        if is_main_process():
            self._report(finished)
        barrier()
        return finished

    def _announce(self, index: int, stage: Stage) -> None:
        print_log(
            f'Stage {index + 1} of {len(self.stages)}, {stage.name}: {stage.note} '
            f'-> {stage.cfg.work_dir}',
            logger='current',
        )

    def _run_stage(self, stage: Stage, progress: Hook) -> None:
        started = time.monotonic()
        folder = Path(stage.cfg.work_dir)
        folder.mkdir(parents=True, exist_ok=True)
        if is_main_process():
            write_text(folder / 'config.py', stage.cfg.pretty_text)
        if stage.is_job:
            outcome = dict(metrics=run_job(copy.deepcopy(stage.cfg)))
        else:
            outcome = self._train(stage, progress)
        if is_main_process():
            content = dict(
                stage=stage.name,
                **outcome,
                seconds=round(time.monotonic() - started, 1),
                versions={p: version(p) for p in ('torch', 'numpy')},
            )
            write_text(folder / MARKER, json.dumps(content, indent=2) + '\n')
        barrier()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _train(self, stage: Stage, progress: Hook) -> dict:
        """Train in a fresh Runner; the part of ``finished.json`` that it knows."""
        cfg = copy.deepcopy(stage.cfg)
        folder = stage.cfg.work_dir
        cfg.resume = self.resume and self._has_checkpoint(stage)
        if cfg.resume:
            cfg.load_from = resolve_checkpoint(folder)
        runner = Runner.from_cfg(cfg)
        last_metrics = _LastMetrics()
        runner.register_hook(last_metrics)
        runner.register_hook(progress)
        runner.train()
        metrics = last_metrics.metrics or runner.val()
        return dict(
            metrics={k: float(v) for k, v in metrics.items()},
            checkpoint=find_latest_checkpoint(folder),
            iterations=runner.max_iters,
            seed=runner.seed,
        )

    def _finished(self, stage: Stage) -> dict | None:
        marker = Path(stage.cfg.work_dir) / MARKER
        if not marker.is_file():
            return None
        return json.loads(marker.read_text(encoding='utf-8'))

    def _has_checkpoint(self, stage: Stage) -> bool:
        return Path(stage.cfg.work_dir, 'last_checkpoint').is_file()

    def _check_begun(self, wanted: list[Stage]) -> None:
        """Never redo a finished stage unnoticed, nor go on with another one's results.

        A training that has not come to its first checkpoint has no results.
        """
        for stage in wanted:
            finished = self._finished(stage) is not None
            if finished and not self.resume:
                raise FileExistsError(
                    f'{stage.cfg.work_dir} holds a finished stage: add --resume to go '
                    'on after it, choose another --work-dir, or delete the folder'
                )
            if self.resume and (
                finished or stage.is_job or self._has_checkpoint(stage)
            ):
                check_same_stage(stage)

    def _check_earlier(self, first: Stage) -> None:
        """A stage that was interrupted has a checkpoint too: do not start from it."""
        for stage in self.stages[: self.stages.index(first)]:
            if self._finished(stage) is None:
                raise FileNotFoundError(
                    f'{stage.cfg.work_dir} is not finished, and {first.name} builds '
                    f'on it: run --stage {stage.name} first (with --resume, if it was '
                    'interrupted), or the protocol without --stage'
                )

    def _report(self, finished: dict[str, dict]) -> None:
        if not finished:
            return
        published = published_result(self.cfg)
        write_report(
            self.work_dir,
            finished,
            self.protocol.columns,
            title=Path(self.cfg.filename or self.work_dir).stem,
            published=published,
        )
        print_table(finished, self.protocol.columns, published)
        seconds = sum(f['seconds'] for f in finished.values())
        print_log(
            f'{len(finished)} of {len(self.stages)} stages finished in '
            f'{format_seconds(seconds)}; results are in {self.work_dir}/results.md',
            logger='current',
            level=logging.INFO,
        )


class _LastMetrics(Hook):
    """Keeps the metrics of the validation at the end of training."""

    metrics: dict | None = None

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        self.metrics = metrics
