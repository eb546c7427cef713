"""Class-incremental learning: one training per step, each from the last."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config import Config
from mmseg.registry import TASK_UTILS

from ...datasets.splits.class_tasks import get_task
from .base import Protocol, Stage
from .config_edit import (
    add_hook,
    set_arguments,
    set_class_counts,
    set_dataset_arguments,
    start_from,
)


@TASK_UTILS.register_module()
class ClassIncrementalProtocol(Protocol):
    """Protocol of class-incremental steps, each from the last (MiB, section 4).

    Step 0 trains on the task's first classes; every later step starts from the
    previous step's weights with a grown classifier, and distils from it if the
    model has ``distillation`` losses. The protocol only writes numbers into a config:

    - ``step``, ``task``, ``setup`` and ``class_order`` of every ``IncrementalDataset``;
    - ``num_classes`` of all heads, ``num_old_classes`` of the losses that have it (1
      in step 0: the background, which makes unbiased CE ordinary CE);
    - from step 1 on ``IncrementalClassifierInitHook`` and, with distillation,
      ``FrozenTeacherHook``; in step 0 no distillation. Pretrained weights are
      read in step 0 only;
    - from step 1 on the ``checkpoint`` of every ``ParameterImportanceHook`` in
      ``custom_hooks``; in step 0 it only records;
    - the groups of every ``GroupedIoUMetric``: ``old`` = the classes of step 0,
      ``new`` = those of all later steps so far, ``all`` = both, all without
      background as in the paper's tables, ``all_and_background``, and with more
      than two steps one group ``step_<k>`` a step.

    Args:
        task: Name of a table such as 'voc_15-1', or the lists of class names of each
            step, see :func:`~mmseg_labelfree.datasets.get_task`.
        setup: 'overlapped', 'disjoint' or 'partition', see
            :class:`~mmseg_labelfree.datasets.IncrementalDataset`; 'joint' trains once,
            with all classes labeled, and reports the same groups.
        class_order: Another class order, see ``get_task``.
        classifier_init: 'background' or 'random', see
            :class:`~mmseg_labelfree.engine.hooks.IncrementalClassifierInitHook`.
        initial_step: Config overrides of step 0 and of joint training.
        next_steps: Config overrides of the later steps.
        base_checkpoint: Checkpoint, or stage folder, of a finished step 0. That step is
            then not trained again: methods that differ only in the later steps can
            share one base model.
        score_background: Whether the test labels have background pixels, so that the
            table shows the background's IoU. False for ADE20K and Cityscapes, where
            unlabeled pixels are ignored at test.

    Raises:
        ValueError: The task is unknown or names a class twice, or the config lacks an
            ``IncrementalDataset``.

    Example:
        ``protocol=dict(type='ClassIncrementalProtocol', task='voc_15-1',
        setup='overlapped', next_steps=dict(optim_wrapper=dict(
        optimizer=dict(lr=0.001))))``
    """

    def __init__(
        self,
        task: str | Sequence[Sequence[str]],
        setup: str = 'overlapped',
        class_order: int | Sequence[str] | None = None,
        classifier_init: str = 'background',
        initial_step: Mapping[str, Any] | None = None,
        next_steps: Mapping[str, Any] | None = None,
        base_checkpoint: str | None = None,
        score_background: bool = True,
    ) -> None:
        self.task = get_task(task, class_order)
        self.setup = setup
        self.classifier_init = classifier_init
        self.initial_step = dict(initial_step or {})
        self.next_steps = dict(next_steps or {})
        self.dataset_settings = dict(task=task, setup=setup, class_order=class_order)
        self.base_checkpoint = base_checkpoint
        self.score_background = score_background
        self.columns = {'old': 'mIoU/old', 'new': 'mIoU/new', 'all': 'mIoU/all'}
        if score_background:
            self.columns |= {
                'all+bg': 'mIoU/all_and_background',
                'bg': 'IoU/background',
            }
        if self.task.num_steps > 2:
            self.columns |= {
                f'step {k}': f'mIoU/step_{k}' for k in range(self.task.num_steps)
            }

    def stages(self, cfg: Config) -> list[Stage]:
        """One stage a step, or one stage in all for joint training."""
        last = self.task.num_steps - 1
        if self.setup == 'joint':
            return [self._stage(cfg, 'joint', last, None)]
        stages, previous = [], self.base_checkpoint
        for step in range(1 if previous else 0, last + 1):
            stages.append(self._stage(cfg, f'step_{step}', step, previous))
            previous = stages[-1].cfg.work_dir
        return stages

    def _stage(self, cfg: Config, name: str, step: int, previous: str | None) -> Stage:
        overrides = self.next_steps if previous else self.initial_step
        stage = self.stage_config(cfg, name, overrides)
        set_dataset_arguments(
            stage, 'IncrementalDataset', **self.dataset_settings, step=step
        )
        set_arguments(
            stage, 'GroupedIoUMetric', groups=self._groups(step), classwise=True
        )
        set_class_counts(
            stage.model,
            num_classes=1 + len(self.task.seen(step)),
            num_old_classes=1 + len(self.task.old(step)) if previous else 1,
        )
        if previous is None:
            if 'distillation' in stage.model:
                stage.model.distillation = []
        else:
            start_from(stage, previous, init=self.classifier_init)
            set_arguments(
                stage.custom_hooks, 'ParameterImportanceHook', checkpoint=previous
            )
            if stage.model.get('distillation'):
                add_hook(stage, type='FrozenTeacherHook', checkpoint=previous)
        learned = self.task.seen(step) if self.setup == 'joint' else self.task.new(step)
        return Stage(name, stage, ', '.join(learned))

    def _groups(self, step: int) -> dict[str, list[str]]:
        task, seen = self.task, list(self.task.seen(step))
        old = list(task.new(0))
        groups = dict(old=old, new=[c for c in seen if c not in old], all=seen)
        if self.score_background:
            groups['all_and_background'] = ['background', *seen]
        if task.num_steps > 2:
            groups |= {f'step_{k}': list(task.new(k)) for k in range(step + 1)}
        return {name: classes for name, classes in groups.items() if classes}
