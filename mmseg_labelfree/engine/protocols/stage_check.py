"""Check of everything that stages need, before any of them runs."""

import copy
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmseg.evaluation import IoUMetric
from mmseg.registry import (
    METRICS,
    PARAM_SCHEDULERS,
    TASK_UTILS,
    VISUALIZERS,
)
from torch import nn

from ...evaluation import ClusteringIoUMetric, GroupedIoUMetric
from ...utils.choices import check_choice
from .base import Stage
from .config_edit import find_nodes, schedulers_of
from .config_kinds import check_keys_and_kinds
from .first_batch import check_samples
from .loop_check import build_hooks, check_checkpoint_read, check_fit, check_loops
from .model_check import build_model, check_weights, located
from .stage_data import DataCheck, TrainingSize, waits_for_others

__all__ = ['StageCheck']

_LOADERS = ('train', 'val', 'test')


class StageCheck:
    """Check that builds all parts of stages, and reads their data.

    Models (without memory where that is possible), hooks, metrics and the groups in
    them, loops, optimizers, schedulers, pipelines and jobs are built once, so that a
    mistake in a later stage costs no earlier one. Weights and checkpoints are looked
    up, and then the data, see
    :class:`~mmseg_labelfree.engine.protocols.DataCheck`. Random numbers that a training
    draws stay the same.

    Example:
        ``StageCheck().stages(runner.stages)``
    """

    def __init__(self) -> None:
        self.data = DataCheck()
        self._models: dict[str, nn.Module] = {}
        self._seen: set[str] = set()

    def stages(self, stages: Sequence[Stage]) -> dict[str, TrainingSize]:
        """Check stages.

        Returns:
            Sizes of the trainings whose data is known, by name of the stage.

        Raises:
            FileNotFoundError: Weights, or files of a dataset, are missing.
            ValueError: Something else is wrong. Both name the stage and the setting.
        """
        folders = [stage.cfg.work_dir for stage in stages]
        with _same_random_numbers():
            for stage in stages:
                with located(stage.name):
                    self._check_parts(stage.cfg, folders)
            sizes = self.data.stages(stages)
            for stage in stages:
                if not (stage.is_job and waits_for_others(stage, stages)):
                    with located(stage.name):
                        self._check_with_data(stage.cfg, sizes.get(stage.name))
        return sizes

    def _check_parts(self, cfg: Config, folders: Sequence[str]) -> None:
        """Check all but the data; ``folders`` are those of stages that will run."""
        init_default_scope(cfg.get('default_scope', 'mmengine'))
        check_keys_and_kinds(cfg)
        if 'job' in cfg:
            with located('job'):
                check_weights(dict(job=cfg.job), folders)
                check_checkpoint_read(cfg.job.get('checkpoint'), folders)
                TASK_UTILS.build(copy.deepcopy(cfg.job))
            return
        _build_visualizer(cfg)
        hooks = build_hooks(cfg, folders)
        check_loops(cfg)
        weights = dict(model=cfg.model, load_from=cfg.get('load_from'))
        check_weights(weights, folders)
        model = self._model(cfg)
        check_fit(cfg, hooks, model)
        _check_optimizer(cfg, model)
        for kind in ('val', 'test'):
            _build_metrics(cfg, kind)
        self._check_pipelines(cfg)

    def _model(self, cfg: Config) -> nn.Module:
        """Build the model, once for stages that have the same one."""
        config = copy.deepcopy(cfg.model)
        if cfg.get('data_preprocessor') is not None:
            config.setdefault('data_preprocessor', cfg.data_preprocessor)
        key = repr(config)
        if key not in self._models:
            with located('model'):
                self._models[key] = build_model(config)
        return self._models[key]

    def _check_with_data(self, cfg: Config, size: TrainingSize | None) -> None:
        """Check what depends on the data: files of a job, samples, class groups."""
        init_default_scope(cfg.get('default_scope', 'mmengine'))
        if 'job' in cfg:
            with located('job'):
                TASK_UTILS.build(copy.deepcopy(cfg.job)).check(cfg)
            return
        model = self._model(cfg)
        if size is not None:
            with located('train_dataloader'):
                check_samples(cfg, model, size.samples, size.least_batch)
        outputs = getattr(model, 'num_classes', None)
        for metric in _build_metrics(cfg, 'val'):
            with located('val_evaluator'):
                if type(metric) is ClusteringIoUMetric and outputs:
                    metric.check_outputs(outputs)
                if isinstance(metric, GroupedIoUMetric):
                    metric.check_groups(self.data.classes(cfg.val_dataloader.dataset))

    def _check_pipelines(self, cfg: Config) -> None:
        """Build the transforms of all datasets, those of data yet to be made, too."""
        for kind in _LOADERS:
            for node in find_nodes(cfg.get(f'{kind}_dataloader')):
                pipeline = node.get('pipeline')
                if isinstance(pipeline, list | tuple) and self._is_new(pipeline):
                    with located(f'pipeline of {kind}_dataloader'):
                        Compose(copy.deepcopy(pipeline))

    def _is_new(self, part: Any) -> bool:
        key = repr(part)
        new = key not in self._seen
        self._seen.add(key)
        return new


@contextmanager
def _same_random_numbers() -> Iterator[None]:
    """Context after which random numbers go on as before it."""
    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=()):
        yield
    random.setstate(states[0])
    np.random.set_state(states[1])


def _build_metrics(cfg: Config, kind: str) -> list[Any]:
    evaluator = cfg.get(f'{kind}_evaluator') or []
    several = evaluator if isinstance(evaluator, list | tuple) else [evaluator]
    with located(f'{kind}_evaluator'):
        metrics = [METRICS.build(copy.deepcopy(settings)) for settings in several]
        for metric in metrics:
            if isinstance(metric, IoUMetric):  # it looks when all is predicted
                names = metric.metrics
                for name in [names] if isinstance(names, str) else names:
                    check_choice('iou_metrics', name, ('mIoU', 'mDice', 'mFscore'))
        return metrics


def _build_visualizer(cfg: Config) -> None:
    """Build the visualizer that hooks ask for, without files."""
    with located('visualizer'):
        settings = dict(cfg.get('visualizer') or dict(type='Visualizer'))
        kind = VISUALIZERS.get(settings['type'])
        if kind is None or not kind.check_instance_created('check'):
            VISUALIZERS.build(settings | dict(name='check', vis_backends=None))


def _check_optimizer(cfg: Config, model: nn.Module) -> None:
    """Build optimizer and schedulers of the model's parameters."""
    with located('optim_wrapper'):
        settings = copy.deepcopy(cfg.optim_wrapper)
        for option in ('fused', 'capturable'):  # need a device
            settings.get('optimizer', {}).pop(option, None)
        if settings.get('type') == 'AmpOptimWrapper' and not torch.cuda.is_available():
            raise ValueError(
                'AmpOptimWrapper needs a GPU, and there is none; use '
                'BFloat16OptimWrapper, or OptimWrapper and --amp'
            )
        wrapper = build_optim_wrapper(model, settings)
    for index, scheduler in enumerate(schedulers_of(cfg)):
        with located(f'param_scheduler.{index}'):
            _build_scheduler(copy.deepcopy(dict(scheduler)), wrapper)


def _build_scheduler(settings: dict[str, Any], wrapper: Any) -> None:
    """Build a scheduler as a Runner does, for epochs of any length."""
    settings.setdefault('end', 100)
    if not settings.pop('convert_to_iter_based', False):
        PARAM_SCHEDULERS.build(settings, default_args=dict(optimizer=wrapper))
        return
    kind = PARAM_SCHEDULERS.get(settings.pop('type'))
    kind.build_iter_from_epoch(optimizer=wrapper, epoch_length=10, **settings)
