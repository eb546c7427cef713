"""Class-incremental learning: one training per step, each from the last."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.config import Config
from mmseg.registry import TASK_UTILS

from ...datasets.splits.class_tasks import get_task
from .base import Protocol, Stage


@TASK_UTILS.register_module()
class ClassIncrementalProtocol(Protocol):
    """Steps of class-incremental segmentation (Modeling the Background, section 4).

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
        task (str | list[list[str]]): A table name such as 'voc_15-1', or the lists of
            class names of each step, see :func:`~mmseg_labelfree.datasets.get_task`.
        setup (str): 'overlapped', 'disjoint' or 'partition', see
            :class:`~mmseg_labelfree.datasets.IncrementalDataset`; 'joint' trains once,
            with all classes labelled, and reports the same groups.
        class_order (int | list[str], optional): Another class order, see ``get_task``.
        classifier_init (str): 'background' or 'random', see
            :class:`~mmseg_labelfree.engine.hooks.IncrementalClassifierInitHook`.
        initial_step (dict, optional): Config overrides of step 0 and of joint training.
        next_steps (dict, optional): Config overrides of the later steps.
        base_checkpoint (str, optional): Checkpoint, or stage folder, of a finished step
            0. That step is then not trained again: methods that differ only in the
            later steps can share one base model.
        score_background (bool): Whether the test labels have background pixels, so
            that the table shows the background's IoU. False for ADE20K and
            Cityscapes, where unlabelled pixels are ignored at test.

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
        self._set_data(stage, step)
        num_old_classes = 1 + len(self.task.old(step)) if previous else 1
        _set_class_counts(stage.model, 1 + len(self.task.seen(step)), num_old_classes)
        if previous is None:
            if 'distillation' in stage.model:
                stage.model.distillation = []
        else:
            _continue_from(stage, previous, self.classifier_init)
        learned = self.task.seen(step) if self.setup == 'joint' else self.task.new(step)
        return Stage(name, stage, ', '.join(learned))

    def _set_data(self, stage: Config, step: int) -> None:
        found = False
        for node in _dicts(stage._cfg_dict):
            if node.get('type') == 'IncrementalDataset':
                node.update(self.dataset_settings, step=step)
                found = True
            elif node.get('type') == 'GroupedIoUMetric':
                node.update(groups=self._groups(step), classwise=True)
        if not found:
            raise ValueError(
                f'{stage.filename}: ClassIncrementalProtocol needs data sets wrapped '
                "in dict(type='IncrementalDataset', dataset=...)"
            )

    def _groups(self, step: int) -> dict[str, list[str]]:
        task, seen = self.task, list(self.task.seen(step))
        old = list(task.new(0))
        groups = dict(old=old, new=[c for c in seen if c not in old], all=seen)
        if self.score_background:
            groups['all_and_background'] = ['background', *seen]
        if task.num_steps > 2:
            groups |= {f'step_{k}': list(task.new(k)) for k in range(step + 1)}
        return {name: classes for name, classes in groups.items() if classes}


def _dicts(node: Any) -> Iterator[dict]:
    """All dicts in a nested config, outermost first."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for child in node:
            yield from _dicts(child)


def _set_class_counts(model: dict, num_classes: int, num_old_classes: int) -> None:
    """Set the class counts of all heads and of the losses that know old classes."""
    heads = [model.get('decode_head'), model.get('auxiliary_head')]
    for head in heads:
        for node in _dicts(head):
            if 'num_classes' in node:
                node['num_classes'] = num_classes
            if 'num_old_classes' in node:
                node['num_old_classes'] = num_old_classes


def _continue_from(stage: Config, previous: str, classifier_init: str) -> None:
    """Start from the previous step's weights, and hold on to them as configured."""
    stage.load_from = None
    stage.model.pretrained = None
    for node in _dicts(stage.model):
        init_cfg = node.get('init_cfg')
        if isinstance(init_cfg, dict) and init_cfg.get('type') == 'Pretrained':
            node['init_cfg'] = None
    hooks = list(stage.get('custom_hooks') or [])
    for hook in hooks:
        if hook['type'] == 'ParameterImportanceHook':
            hook['checkpoint'] = previous
    hooks.append(
        dict(
            type='IncrementalClassifierInitHook',
            checkpoint=previous,
            init=classifier_init,
        )
    )
    if stage.model.get('distillation'):
        hooks.append(dict(type='FrozenTeacherHook', checkpoint=previous))
    stage.custom_hooks = hooks
