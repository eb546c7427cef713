"""Hook that finds the entropy up to which an earlier model's labels are trusted."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import Tensor

from ...ops.collectives import sum_over_processes
from ...utils.distributed import bare_model, fail_together
from ...utils.progress import tracked
from .checkpoint_entry_hook import CheckpointEntryHook


@HOOKS.register_module()
class EntropyThresholdHook(CheckpointEntryHook):
    """Hook that finds the thresholds of a background's labels before training (PLOP).

    The frozen teacher predicts the training images once, augmented and in random order
    as in the training, and the segmentor
    (:class:`~mmseg_labelfree.models.segmentors.BackgroundLabelingEncoderDecoder`) makes
    its thresholds of the entropies. The counts are in the checkpoints, so
    that a resumed training goes on with the same thresholds. In a step without
    a teacher nothing happens.

    Raises:
        TypeError: The segmentor labels no background.

    Example:
        ``custom_hooks=[dict(type='EntropyThresholdHook')]``
    """

    priority = 'LOW'  # after the hook that hands over the teacher
    entry = 'entropy_counts'

    def __init__(self) -> None:
        self.counts: Tensor | None = None

    def check_model(self, model: Any, hooks: Sequence[Hook]) -> None:
        """Raise if the model, or another hook, is not what this hook needs."""
        if not hasattr(model, 'set_counts'):
            raise TypeError(
                f'{type(model).__name__} labels no background: EntropyThresholdHook '
                'needs BackgroundLabelingEncoderDecoder'
            )

    def before_train(self, runner: Runner) -> None:
        """Restore the counts of the resumed run, or count."""
        model: Any = bare_model(runner.model)
        self.check_model(model, runner.hooks)
        if not model.distillation:
            return
        super().before_train(runner)
        if runner.iter == 0:
            self.counts = self._count(runner, model)
        model.set_counts(self.counts)
        runner.logger.info(f'Entropy thresholds by class: {model.thresholds.tolist()}')

    def contents(self, runner: Runner) -> Tensor | None:
        """Return the counts; None in a step without a teacher."""
        return None if self.counts is None else self.counts.cpu()

    def restore(self, runner: Runner, entry: Tensor) -> None:
        """Take the counts of the checkpoint."""
        self.counts = entry.to(next(bare_model(runner.model).parameters()).device)

    def _count(self, runner: Runner, model: Any) -> Tensor:
        """Counts of one pass over the training images, of all processes."""
        settings = dict(runner.cfg.train_dataloader)
        settings.update(
            dataset=runner.train_dataloader.dataset,
            sampler=dict(type='DefaultSampler', shuffle=True, round_up=False),
            persistent_workers=False,
            drop_last=False,
        )
        settings.pop('batch_sampler', None)
        loader = runner.build_dataloader(settings, seed=runner.seed)

        counts = model.new_counts()
        with torch.random.fork_rng(), fail_together():
            for batch in tracked(loader, 'Entropy of the background', len(loader)):
                counts += model.count(**model.data_preprocessor(batch, True))
        return sum_over_processes(counts)
