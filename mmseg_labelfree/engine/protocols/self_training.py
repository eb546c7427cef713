"""Protocol of zero-label segmentation: SPNet, then rounds of self-training."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config import Config
from mmseg.registry import TASK_UTILS

from ...datasets.splits.zero_label_splits import ZeroLabelSplit, get_split
from ...utils.choices import check_choice, check_settings
from .base import Protocol, Stage
from .config_edit import (
    add_hook,
    forget_pretraining,
    set_arguments,
    set_class_counts,
    set_dataset_arguments,
    start_from,
)


@TASK_UTILS.register_module()
class SelfTrainingProtocol(Protocol):
    """Protocol of SPNet and rounds of self-training (STRICT, section 3.2, algorithm 1).

    Stage ``spnet`` trains with a softmax over the seen classes. Each ``round_<k>`` then
    trains with a softmax over all classes on the labels and on pseudo-labels of unseen
    classes; the model of the stage before is its start and, frozen, makes the
    pseudo-labels. The protocol only writes numbers into a config:

    - ``split`` and ``background`` of every ``ZeroLabelDataset``;
    - ``classes``, ``unseen``, ``num_classes`` and ``train_classes`` of the decode head
      and of auxiliary heads of its type, ``num_classes`` of others;
    - ``background`` and, in ``spnet``, no ``generator`` of the model; in rounds
      ``IncrementalClassifierInitHook`` (to start from the stage before) and
      ``FrozenTeacherHook``. Pretrained weights are read in ``spnet`` only;
    - the groups ``seen``, ``unseen`` and ``all`` of every ``GroupedIoUMetric``, and the
      harmonic mean of the first two;
    - an ``UnseenLabelCheckHook`` in each stage whose labels come from the data alone.

    Args:
        split: Name of a split, 'voc_15-5' say, or ``dict(seen=[...], unseen=[...])``,
            see :func:`~mmseg_labelfree.datasets.get_split`.
        background: 'unlabeled', 'ignore' or 'seen', see
            :class:`~mmseg_labelfree.datasets.ZeroLabelDataset`.
        rounds: Rounds of self-training; 0 for SPNet alone. The authors' code runs two,
            the rows of table 3 are one, figure 4 finds six best. Defaults to 2.
        mode: 'online' labels each crop as it is trained on (algorithm 1), 'offline'
            writes the labels of all images before each round, in a stage
            ``labels_<k>``: a pass over the data instead of one with every iteration.
        initial_stage: Config overrides of ``spnet``.
        next_rounds: Config overrides of the rounds.
        base_checkpoint: Checkpoint, or stage folder, of a finished ``spnet``, which is
            then not trained again: methods that differ only in their rounds can share
            it.

    Raises:
        ValueError: An argument is out of range, there is nothing to do, or the config
            lacks a ``ZeroLabelDataset``.

    Example:
        ``protocol=dict(type='SelfTrainingProtocol', split='voc_15-5', rounds=2,
        next_rounds=dict(train_cfg=dict(max_iters=2000)))``
    """

    columns = {
        'seen': 'mIoU/seen',
        'unseen': 'mIoU/unseen',
        'harmonic': 'mIoU/harmonic',
        'all': 'mIoU/all',
    }

    def __init__(
        self,
        split: str | Mapping[str, Sequence[str]] | ZeroLabelSplit,
        background: str = 'unlabeled',
        rounds: int = 2,
        mode: str = 'online',
        initial_stage: Mapping[str, Any] | None = None,
        next_rounds: Mapping[str, Any] | None = None,
        base_checkpoint: str | None = None,
    ) -> None:
        check_choice('background', background, ('unlabeled', 'ignore', 'seen'))
        check_choice('mode', mode, ('online', 'offline'))
        if rounds < 0 or (base_checkpoint and not rounds):
            raise ValueError(
                f'rounds={rounds}: there is nothing to train; give 0 or more, or 1 or '
                'more with a base_checkpoint'
            )
        self.split = get_split(split)
        self.dataset_settings = dict(split=split, background=background)
        self.background = 0 if background == 'seen' else None
        self.classes = self.split.classes(background)
        self.rounds = rounds
        self.mode = mode
        check_settings(initial_stage=initial_stage, next_rounds=next_rounds)
        self.initial_stage = dict(initial_stage or {})
        self.next_rounds = dict(next_rounds or {})
        self.base_checkpoint = base_checkpoint

    def stages(self, cfg: Config) -> list[Stage]:
        """List the stages: ``spnet``, and the rounds with their labels if offline."""
        stages, previous = [], self.base_checkpoint
        if previous is None:
            stages.append(self._spnet(cfg))
            previous = stages[-1].cfg.work_dir
        for number in range(1, self.rounds + 1):
            labels = None
            if self.mode == 'offline':
                stages.append(self._labels(cfg, number, previous))
                labels = f'{stages[-1].cfg.work_dir}/labels'
            stages.append(self._round(cfg, number, previous, labels))
            previous = stages[-1].cfg.work_dir
        return stages

    def _spnet(self, cfg: Config) -> Stage:
        stage = self._stage_config(cfg, 'spnet', self.initial_stage, 'seen')
        stage.model.generator = None
        self._check_labels(stage)
        return Stage('spnet', stage, f'{len(self.split.seen)} seen classes')

    def _labels(self, cfg: Config, number: int, previous: str) -> Stage:
        name = f'labels_{number}'
        stage = self._stage_config(cfg, name, self.next_rounds, 'all')
        forget_pretraining(stage)
        stage.job = dict(
            type='PseudoLabelJob',
            checkpoint=previous,
            generator=dict(stage.model.get('generator') or {}),
            background=self.background,
        )
        return Stage(name, stage, 'pseudo-labels')

    def _round(
        self, cfg: Config, number: int, previous: str, labels: str | None
    ) -> Stage:
        name = f'round_{number}'
        stage = self._stage_config(cfg, name, self.next_rounds, 'all')
        start_from(stage, previous)
        if labels is None:
            if not stage.model.get('generator'):
                raise ValueError(
                    f'{stage.filename}: rounds of self-training need model.generator, '
                    "for instance dict(views='mirror+up')"
                )
            add_hook(stage, type='FrozenTeacherHook', checkpoint=previous)
            self._check_labels(stage)
        else:
            stage.model.generator = None
            set_arguments(
                stage.train_dataloader, 'ZeroLabelDataset', pseudo_labels=labels
            )
        return Stage(name, stage, ', '.join(self.split.unseen))

    def _stage_config(
        self, cfg: Config, name: str, overrides: dict[str, Any], train_classes: str
    ) -> Config:
        """Config of a stage that knows the classes, and learns ``train_classes``."""
        stage = self.stage_config(cfg, name, overrides)
        classes, unseen = list(self.classes), list(self.split.unseen)
        set_dataset_arguments(stage, 'ZeroLabelDataset', **self.dataset_settings)
        set_arguments(
            stage,
            'GroupedIoUMetric',
            groups=dict(seen=classes[: -len(unseen)], unseen=unseen, all=classes),
            harmonic_mean=('seen', 'unseen'),
            classwise=True,
        )
        set_arguments(
            [stage.model.decode_head, stage.model.get('auxiliary_head')],
            'SemanticProjectionHead',
            classes=classes,
            unseen=unseen,
            num_classes=len(classes),
            train_classes=train_classes,
        )
        set_class_counts(stage.model, len(classes))
        stage.model.background = self.background
        return stage

    def _check_labels(self, stage: Config) -> None:
        """Make a leak of unseen labels an error of the training."""
        add_hook(
            stage,
            type='UnseenLabelCheckHook',
            classes=list(self.classes),
            unseen=list(self.split.unseen),
        )
