"""Hook that stops a training whose loss or weights are no longer finite."""

import math
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import Tensor

from ...utils.checkpoint import latest_checkpoint, nonfinite_weights
from ...utils.choices import check_range

REMEDY = (
    'Lower optim_wrapper.optimizer.lr or the weight of the loss that grew first (see '
    'the log), clip gradients by optim_wrapper.clip_grad, or train without mixed '
    'precision'
)
"""What to do about a training that diverges."""


@HOOKS.register_module()
class InvalidLossHook(Hook):
    """Hook that stops a training whose loss or weights are NaN or infinite.

    The loss is read, which waits for the device, once in ``interval`` iterations and in
    the last one. Weights are looked at on the way into each checkpoint, so that no
    checkpoint of a broken model replaces a sound one.

    Args:
        interval: Iterations between checks of the loss.

    Raises:
        FloatingPointError: Names the iteration, the losses or weights that are not
            finite, and the last sound checkpoint.

    Example:
        ``default_hooks=dict(invalid_loss=dict(type='InvalidLossHook'))``
    """

    priority = 'ABOVE_NORMAL'

    def __init__(self, interval: int = 50) -> None:
        check_range(1, interval=interval)
        self.interval = interval

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
    ) -> None:
        """Look at the losses of this iteration."""
        due = self.every_n_train_iters(runner, self.interval)
        if not due and not self.is_last_train_iter(runner):
            return
        if math.isfinite(_value(outputs.get('loss', 0.0))):
            return
        losses = {k: _value(v) for k, v in outputs.items() if 'loss' in k}
        broken = [k for k, v in losses.items() if not math.isfinite(v)]
        raise _diverged(runner, runner.iter + 1, broken)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Look at the weights that are about to be saved."""
        weights: dict[str, torch.Tensor] = checkpoint['state_dict']
        if broken := nonfinite_weights(weights):
            raise _diverged(runner, runner.iter, broken)


def _value(loss: Tensor | float) -> float:
    return float(torch.as_tensor(loss).detach())


def _diverged(runner: Runner, iteration: int, broken: list[str]) -> FloatingPointError:
    sound = latest_checkpoint(runner.work_dir)
    onward = f'goes on from {sound}' if sound else 'starts again: none was saved yet'
    more = f' and {len(broken) - 3} more' if len(broken) > 3 else ''
    return FloatingPointError(
        f'iteration {iteration}: {", ".join(broken[:3])}{more} is not finite. '
        f'{REMEDY}; --resume {onward}.'
    )
