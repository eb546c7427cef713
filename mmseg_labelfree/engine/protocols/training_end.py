"""What a training ends with: metrics, the checkpoint they are of, finite weights."""

import math
from pathlib import Path

from mmengine.dist import barrier
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...utils.checkpoint import (
    latest_checkpoint,
    nonfinite_weights,
    resolve_checkpoint,
)
from ...utils.distributed import bare_model
from ..hooks.invalid_loss_hook import REMEDY
from .base import Stage

__all__ = ['LastMetrics', 'check_finite', 'validate_best']


def check_finite(runner: Runner) -> None:
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


def validate_best(runner: Runner, stage: Stage) -> tuple[Path, dict]:
    """The best checkpoint of a training that is at its end, and its metrics.

    It is validated again, for the files that belong to it, such as a matching.
    """
    barrier()  # the first process writes it
    checkpoint = Path(resolve_checkpoint(stage.result))
    runner.load_checkpoint(str(checkpoint))
    return checkpoint, runner.val_loop.run()


class LastMetrics(Hook):
    """Hook that keeps the metrics of the validation at the end of training."""

    metrics: dict | None = None

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Keep them."""
        self.metrics = metrics
