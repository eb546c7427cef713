"""Runner of a protocol's stages, which continues after a stop."""

import copy
import gc
import itertools
import json
import time
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dist import barrier, is_main_process
from mmengine.hooks import Hook

from ...utils.checkpoint import CONFIG, MARKER, resume_latest
from ...utils.console import keep_in_file, say
from ...utils.files import write_text
from ...utils.origin import run_origin
from ..jobs.base import run_job
from ..loops.scored import scored_by
from ..stage_runner import StageRunner
from .base import Stage
from .held_results import check_begun, check_earlier, check_later, read_finished
from .prediction_strips_hook import PredictionStripsHook
from .progress import ProgressHook, format_seconds
from .results_read import with_note
from .run_report import report_run, sparing_results
from .same_stage import check_same_protocol, was_read_from
from .single_stage import build_protocol
from .stage_check import StageCheck
from .stage_data import DataCheck, TrainingSize
from .training_end import TrainingEnd
from .useless_settings import say_useless

# Runners of one process, name and second would share loggers and visualizers.
_RUNS = itertools.count(1)


class ProtocolRunner:
    """Runner of the stages of ``cfg.protocol``, each in a fresh Runner or as a job.

    Each stage runs as the plain config that is written to ``config.py`` in its folder,
    ``<work_dir>/<stage>``; the whole config is in ``<work_dir>/config.py``. A config
    without protocol is one stage, in ``work_dir`` itself. A stage counts as finished
    when ``finished.json``, with its metrics and what it was made by, is in its folder;
    the file is written last, through a rename. With ``resume`` finished stages are
    skipped and the interrupted one goes on from its last checkpoint. At the end
    ``results.json``, ``results.md``, ``curves.png`` and ``report.html`` are in
    ``work_dir``.

    What is in ``work_dir`` is never deleted or moved, and never continued by a run that
    it is not of: where it would be in the way, that is an error before anything runs.
    So a kill at any moment leaves what ``resume`` goes on from.

    Args:
        cfg: A config with ``work_dir``.
        resume: Go on with what is in ``work_dir``.

    Raises:
        FileExistsError: ``work_dir`` holds finished stages, or checkpoints, and
            ``resume`` is False; or it holds a run of another protocol.
        FileNotFoundError: A stage is to run alone, and one before it is not finished;
            or the results of one are gone that others in ``work_dir`` are built on.
        ValueError: A stage would train nothing, see
            :class:`~mmseg_labelfree.engine.protocols.DataCheck`; before any runs.
        FloatingPointError: A stage ends with weights or a loss that are not finite; it
            does not count as finished.
        ValueError: A stage to resume was run with other settings, or on other results
            of an earlier one; or ``only`` is no stage.
    """

    def __init__(self, cfg: Config, resume: bool = False) -> None:
        self.cfg = cfg
        self.resume = resume
        self.work_dir = Path(cfg.work_dir)
        self.protocol = build_protocol(cfg)
        self.stages = self.protocol.stages(cfg)
        self._data = DataCheck()
        self._sizes: dict[str, TrainingSize] = {}

    def stage(self, name: str | None = None) -> Stage:
        """Get the stage of that name; by default the last one."""
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
        wanted = self._wanted(only)
        self.check_results(only)
        self._sizes = self.check([s for s in wanted if not self._finished(s)])
        self._write_config()
        progress = None
        for index, stage in enumerate(self.stages):
            if stage not in wanted:
                continue
            if self.resume:  # an earlier one may have come to other results
                check_begun([stage], self.resume)
            if self._finished(stage):
                continue
            progress = progress or ProgressHook(self.stages, index)
            progress.current = index
            self._report_rest()
            self._announce(index, stage)
            self._run_stage(stage, progress)
        self._report_rest()
        finished = self._all_finished()
        if is_main_process() and finished:
            report_run(self.cfg, self.protocol, self.stages, finished)
        barrier()
        return finished

    def check_results(self, only: str | None = None) -> None:
        """Check that what ``work_dir`` holds is in nobody's way.

        Args:
            only: Name of the one stage to run.

        Raises:
            FileExistsError, FileNotFoundError, ValueError: See the class.
        """
        wanted = self._wanted(only)
        check_same_protocol(self.cfg)
        check_begun(wanted, self.resume)
        check_later(wanted, self.stages, self.resume)
        check_earlier(wanted[0], self.stages, self.resume)

    def _wanted(self, only: str | None) -> list[Stage]:
        return self.stages if only is None else [self.stage(only)]

    def _all_finished(self) -> dict[str, dict]:
        return {s.name: f for s in self.stages if (f := self._finished(s))}

    def _report_rest(self) -> None:
        """Let the protocol show what is finished so far."""
        finished = self._all_finished()
        if is_main_process() and finished:
            with sparing_results(f'{self.work_dir}, the report of the protocol,'):
                self.protocol.report(self.cfg, self.stages, finished)

    def check(self, stages: list[Stage]) -> dict[str, TrainingSize]:
        """Check everything that stages need, and train nothing.

        Returns:
            Sizes of the trainings whose data is known, by name of the stage.

        Raises:
            FileNotFoundError, ValueError: Something is missing or wrong, see
                :class:`~mmseg_labelfree.engine.protocols.StageCheck`.
        """
        keep_in_file('Checking all stages.')
        unfinished = [s for s in self.stages if not self._finished(s)]
        self.protocol.check(unfinished)
        check = StageCheck()
        self._data = check.data
        sizes = check.stages(stages)
        say_useless(stages)
        return sizes

    def _write_config(self) -> None:
        """Write the whole config; one without protocol is written as its stage."""
        file = self.work_dir / CONFIG
        own = 'protocol' in self.cfg and not was_read_from(file, self.cfg)
        if own and is_main_process():
            write_text(file, self.cfg.pretty_text)

    def _announce(self, index: int, stage: Stage) -> None:
        say(
            f'Stage {index + 1} of {len(self.stages)}, {stage.name}: {stage.note} '
            f'-> {stage.cfg.work_dir}'
        )

    def _run_stage(self, stage: Stage, progress: Hook) -> None:
        started = time.monotonic()
        folder = Path(stage.cfg.work_dir)
        folder.mkdir(parents=True, exist_ok=True)
        if is_main_process():
            write_text(folder / CONFIG, with_note(stage.cfg).pretty_text)
        if stage.is_job:
            outcome = dict(metrics=run_job(copy.deepcopy(stage.cfg)))
        else:
            if stage.name not in self._sizes:  # its data was made by earlier stages
                self._data.stages([stage])
            outcome = self._train(stage, progress)
        if is_main_process():
            content = dict(
                stage=stage.name,
                **outcome,
                seconds=round(time.monotonic() - started, 1),
                made_by=run_origin(),
            )
            write_text(folder / MARKER, json.dumps(content, indent=2) + '\n')
            self._say_result(stage, content)
        barrier()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _say_result(self, stage: Stage, content: dict) -> None:
        """Print the figures of a stage that is finished."""
        metrics = content['metrics']
        columns = {k: h for h, k in self.protocol.table_columns([metrics]).items()}
        figures = [
            f'{columns.get(key, key)} {value:.1f}'
            for key, value in metrics.items()
            if key in columns or stage.is_job
        ]
        line = f'{stage.name} finished in {format_seconds(content["seconds"])}'
        say(f'{line}: {", ".join(figures)}' if figures else line)

    def _train(self, stage: Stage, progress: Hook) -> dict:
        """Train in a fresh Runner; the part of ``finished.json`` that it knows."""
        cfg = copy.deepcopy(stage.cfg)
        folder = stage.cfg.work_dir
        if Path(cfg.filename or '').name == CONFIG:
            cfg = Config(cfg.to_dict())  # a Runner dumps it under its file's name
        cfg.resume = False
        if self.resume:
            resume_latest(cfg)
        cfg.experiment_name = f'{stage.name}_{next(_RUNS)}'
        # Runners in one process share visualizers of the same name, and would all log
        # into the first stage's folder; without one it is called after the experiment.
        cfg.get('visualizer', {}).pop('name', None)
        runner = StageRunner.from_cfg(cfg)
        end, strips = TrainingEnd(stage), PredictionStripsHook()
        for hook in (end, progress, strips):
            runner.register_hook(hook)
        runner.train()
        with sparing_results(f'{folder}/predictions'):
            strips.write(runner)
        return dict(
            metrics={k: float(v) for k, v in end.metrics.items()},
            checkpoint=end.checkpoint.name if end.checkpoint else None,
            iterations=runner.iter,
            seed=runner.seed,
            scored=scored_by(runner, runner.val_loop) if runner.val_loop else None,
        )

    def _finished(self, stage: Stage) -> dict | None:
        return read_finished(stage, self.resume)
