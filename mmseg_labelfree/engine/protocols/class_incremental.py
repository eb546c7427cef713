"""Protocol of class-incremental learning: one training per step."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from mmengine.config import Config
from mmseg.registry import TASK_UTILS

from ...datasets.splits.class_tasks import TASKS, get_task
from ...datasets.splits.published_counts import expected_counts
from ...utils.choices import check_choice, check_settings
from ..jobs.saliency_sources import check_saliency
from .base import DataPart, Protocol, Stage, loader_parts
from .config_edit import (
    add_hook,
    find_nodes,
    keep_best,
    set_arguments,
    set_class_counts,
    set_dataset_arguments,
    start_from,
)
from .penalty_check import check_penalty

_FUSION = 'WeightFusionHook'
_HOOKS_OF_LATER_STEPS = (
    'ParameterImportanceHook',
    _FUSION,
    'FrozenTeacherHook',
)


@TASK_UTILS.register_module()
class ClassIncrementalProtocol(Protocol):
    """Protocol that trains step by step, each from the previous one (MiB, section 4).

    Step 0 trains on the task's first classes; every later step starts from the
    previous step's weights with a grown classifier, and distills from it if the
    model has ``distillation`` losses. The protocol only writes numbers into a config:

    - ``step``, ``task``, ``setup`` and ``class_order`` of every ``IncrementalDataset``;
    - ``num_classes`` of all heads, ``step_sizes`` of a ``StepBranchHead``,
      ``num_old_classes`` of the losses that have it (1 in step 0: the background, which
      makes unbiased CE ordinary CE);
    - from step 1 on ``IncrementalClassifierInitHook`` and, with distillation,
      ``FrozenTeacherHook``; in step 0 no distillation. Pretrained weights are
      read in step 0 only;
    - from step 1 on the ``checkpoint`` of every ``ParameterImportanceHook``,
      ``WeightFusionHook`` and ``FrozenTeacherHook`` in ``custom_hooks``; in step 0
      these only record, or do nothing;
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
        classifier_init: 'background', 'random' or 'unknown', see
            :class:`~mmseg_labelfree.engine.hooks.IncrementalClassifierInitHook`.
        initial_step: Config overrides of step 0 and of joint training.
        next_steps: Config overrides of the later steps.
        base_checkpoint: Checkpoint, or stage folder, of a finished step 0. That step is
            then not trained again: methods that differ only in the later steps can
            share one base model.
        score_background: Whether the test labels have background pixels, so that the
            table shows the background's IoU. False for ADE20K and Cityscapes, where
            unlabeled pixels are ignored at test.
        hand_on: Which checkpoint of a step is its result, from which the next one
            starts and learns, and which is scored and tested: the 'last' one, or the
            'best' by validation, by the mIoU of the classes of that step, whose labels
            it so uses (SSUL's code); ``val_interval`` sets how many there are. Weights
            that ``WeightFusionHook`` fuses are those of the last one.

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
        hand_on: Literal['last', 'best'] = 'last',
    ) -> None:
        check_choice('hand_on', hand_on, ('last', 'best'))
        self.task = get_task(task, class_order)
        self.setup = setup
        self.classifier_init = classifier_init
        check_settings(initial_step=initial_step, next_steps=next_steps)
        self.initial_step = dict(initial_step or {})
        self.next_steps = dict(next_steps or {})
        self.dataset_settings = dict(task=task, setup=setup, class_order=class_order)
        self.base_checkpoint = base_checkpoint
        self.score_background = score_background
        self.best = hand_on == 'best'
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
        """List the stages: one per step, or a single one for joint training."""
        last = self.task.num_steps - 1
        if self.setup == 'joint':
            return [self._stage(cfg, 'joint', last, None)]
        stages, previous = [], self.base_checkpoint
        for step in range(1 if previous else 0, last + 1):
            stages.append(self._stage(cfg, f'step_{step}', step, previous))
            previous = stages[-1].result
        return stages

    def check(self, stages: Sequence[Stage]) -> None:
        """Raise if a hook does not fit, or saliency maps are not there."""
        for stage in stages:
            check_penalty(stage)
            if self.best and any(find_nodes(stage.cfg.get('custom_hooks'), _FUSION)):
                raise ValueError(
                    f"hand_on='best' of {stage.name} may take weights from before "
                    f"their fusion: set hand_on='last', or remove {_FUSION}"
                )
            loader = stage.cfg.train_dataloader
            for node in find_nodes(loader, 'LabelSalientPixels'):
                check_saliency(node['saliency'])

    def data_parts(self, cfg: Config) -> list[DataPart]:
        """Training and validation images of each step, or of joint training.

        Raises:
            ValueError: A loader would give labels for training in a test or the other
                way round.
        """
        last = self.task.num_steps - 1
        parts = []
        for step in [last] if self.setup == 'joint' else range(last + 1):
            stage = self.stage_config(cfg, f'step_{step}')
            self._set_datasets(stage, step)
            for part in loader_parts(stage):
                _check_test_mode(part)
                classes = self.task.new(step) if part.training else ()
                name = f'{part.name} {step}'
                text = f'{part.text} of step {step}'
                parts.append(replace(part, name=name, text=text, classes=classes))
        return parts

    def known_counts(self, cfg: Config, num_images: int) -> dict[str, int]:
        """Sizes of the authors' lists, which their rule made, of the steps."""
        task = self.task
        reordered = task.name not in TASKS or task != get_task(task.name)
        datasets = find_nodes(cfg.train_dataloader, 'IncrementalDataset')
        official = any(self._is_official(node) for node in datasets)
        counts, total = expected_counts(
            task, self.setup, num_images, official, reordered
        )
        known = {f'train {step}': count for step, count in enumerate(counts or ())}
        return known if total is None else known | dict(sum=total)

    def _is_official(self, dataset: Mapping[str, Any]) -> bool:
        """Whether the images are from lists, or by the authors' rule of a partition."""
        by_rule = self.setup == 'partition' and dataset.get('seed') is None
        return by_rule or dataset.get('image_lists') is not None

    def _set_datasets(self, stage: Config, step: int) -> None:
        set_dataset_arguments(
            stage, 'IncrementalDataset', **self.dataset_settings, step=step
        )

    def _stage(self, cfg: Config, name: str, step: int, previous: str | None) -> Stage:
        overrides = self.next_steps if previous else self.initial_step
        stage = self.stage_config(cfg, name, overrides)
        self._set_datasets(stage, step)
        set_arguments(
            stage, 'GroupedIoUMetric', groups=self._groups(step), classwise=True
        )
        set_class_counts(
            stage.model,
            num_classes=1 + len(self.task.seen(step)),
            num_old_classes=1 + len(self.task.old(step)) if previous else 1,
            step_sizes=self._step_sizes(step),
        )
        self._set_start(stage, previous)
        if self.best:
            keep_best(stage, f'mIoU/{self._learned_group(step)}')
        learned = self.task.seen(step) if self.setup == 'joint' else self.task.new(step)
        return Stage(name, stage, ', '.join(learned), self.best)

    def _set_start(self, stage: Config, previous: str | None) -> None:
        """Let a later step start from the one before, and learn from it."""
        if previous is None:
            if 'distillation' in stage.model:
                stage.model.distillation = []
            return
        _check_auxiliary_heads(stage.model)
        start_from(stage, previous, init=self.classifier_init)
        for hook in _HOOKS_OF_LATER_STEPS:
            set_arguments(stage.custom_hooks, hook, checkpoint=previous)
        if stage.model.get('distillation'):
            add_hook(stage, type='FrozenTeacherHook', checkpoint=previous)

    def _learned_group(self, step: int) -> str:
        """Group of the classes that a training learns."""
        if self.setup == 'joint':
            return 'all'
        return f'step_{step}' if self.task.num_steps > 2 else ('old', 'new')[step]

    def _step_sizes(self, step: int) -> list[int]:
        if self.setup == 'joint':
            return [len(self.task.seen(step))]
        return [len(classes) for classes in self.task.steps[: step + 1]]

    def _groups(self, step: int) -> dict[str, list[str]]:
        task, seen = self.task, list(self.task.seen(step))
        old = list(task.new(0))
        groups = dict(old=old, new=[c for c in seen if c not in old], all=seen)
        if self.score_background:
            groups['all_and_background'] = ['background', *seen]
        if task.num_steps > 2:
            groups |= {f'step_{k}': list(task.new(k)) for k in range(step + 1)}
        return {name: classes for name, classes in groups.items() if classes}


def _check_auxiliary_heads(model: Mapping[str, Any]) -> None:
    """Raise if an auxiliary head would be taught that old classes are background."""
    if not _knows_old_classes(model['decode_head']):
        return
    heads = model.get('auxiliary_head') or []
    for head in [heads] if isinstance(heads, Mapping) else heads:
        if not _knows_old_classes(head):
            raise ValueError(
                'model.auxiliary_head: its loss_decode has no num_old_classes, so that '
                'in later steps it would learn old classes as background; give it '
                'the loss_decode of the decode head, or set model.auxiliary_head=None'
            )


def _knows_old_classes(head: Mapping[str, Any]) -> bool:
    """Whether a loss of a head knows which classes are old."""
    return any('num_old_classes' in node for node in find_nodes(head))


def _check_test_mode(part: DataPart) -> None:
    """Raise if the labels of a part would be those for the other kind of run."""
    for node in find_nodes(part.dataset, 'IncrementalDataset'):
        is_test = node['dataset'].get('test_mode', False)
        if is_test == part.training:
            raise ValueError(
                f'{part.text}: test_mode of the dataset inside of IncrementalDataset '
                f'is {is_test}, so its labels would be those for '
                f'{"test" if is_test else "training"}; set test_mode={not is_test}'
            )
