"""What a training ends with: metrics, the checkpoint they are of, finite weights."""

import math
from pathlib import Path

from mmengine.dist import barrier
from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import Runner

from ...utils.checkpoint import (
    latest_checkpoint,
    nonfinite_weights,
    resolve_checkpoint,
)
from ...utils.distributed import bare_model
from ..hooks.invalid_loss_hook import REMEDY
from .base import Stage

__all__ = ['TrainingEnd']


class TrainingEnd(Hook):
    """Hook that ends a training with the metrics of the weights that it hands on.

    They are those of the last validation, which is made up for if there was none: a
    run may have been killed in it. Of a stage whose best checkpoint counts, that is
    loaded and validated again, for the files that belong to it, such as a matching.
    All of this comes before loggers are closed.

    Args:
        stage: Stage that is trained.

    Attributes:
        metrics: The metrics; empty without validation.
        checkpoint: The checkpoint that they are of; None if there is none.

    Raises:
        FloatingPointError: The last weights, or the last loss, are not finite.
        ValueError: There was no iteration.
    """

    priority = 'LOWEST'  # after hooks that look at the last weights

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.metrics: dict[str, float] = {}
        self.checkpoint: Path | None = None

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Keep the metrics."""
        self.metrics = metrics or {}

    def after_train(self, runner: Runner) -> None:
        """Check the weights; validate what has yet to be."""
        if not runner.iter:
            raise ValueError(
                f'{runner.work_dir}: the training ended before its first iteration; '
                'give train_cfg and train_dataloader something to do'
            )
        _check_finite(runner)
        if not self.metrics and runner.val_loop:
            runner.val_loop.run()
        if self.stage.best:
            self.checkpoint = _validate_best(runner, self.stage)
        else:
            self.checkpoint = latest_checkpoint(runner.work_dir)


def _check_finite(runner: Runner) -> None:
    """Raise if a training ends with weights or a loss that are not finite."""
    broken = nonfinite_weights(bare_model(runner.model).state_dict())
    losses = runner.message_hub.log_scalars.get('train/loss')
    if losses is not None and not math.isfinite(losses.current()):
        broken.append('the last loss')
    if broken:
        raise FloatingPointError(
            f'{runner.work_dir}: the training ended, but {", ".join(broken[:3])} '
            f'({len(broken)} in all) is not finite. {REMEDY}, delete '
            f'{latest_checkpoint(runner.work_dir)} and train the stage again; '
            "with default_hooks.invalid_loss=dict(type='InvalidLossHook') it stops "
            'before such a checkpoint is written'
        )


def _validate_best(runner: Runner, stage: Stage) -> Path:
    """Validate the best checkpoint of a training that is at its end."""
    barrier()  # the first process writes it
    checkpoint = Path(resolve_checkpoint(stage.result))
    runner.load_checkpoint(str(checkpoint))
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook):
            hook.save_best = None  # rounding may let it seem better than it was
    runner.val_loop.run()
    return checkpoint
