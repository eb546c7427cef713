"""Ends a training whose loss is no number any more."""

import math
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS


@HOOKS.register_module()
class InvalidLossHook(Hook):
    """Hook that stops a training whose loss is NaN or infinite.

    The loss is read, which waits for the device, once in ``interval`` iterations. With
    the checkpoint hook's interval a multiple of it, no checkpoint of a broken model
    replaces a sound one, because this hook's priority is higher.

    Args:
        interval: Iterations between checks.

    Raises:
        FloatingPointError: Names the iteration and the losses that are not finite.

    Example:
        ``default_hooks=dict(invalid_loss=dict(type='InvalidLossHook'))``
    """

    priority = 'ABOVE_NORMAL'

    def __init__(self, interval: int = 50) -> None:
        self.interval = interval

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
    ) -> None:
        """Look at the losses of this iteration."""
        if not self.every_n_train_iters(runner, self.interval):
            return
        if math.isfinite(outputs.get('loss', 0.0)):
            return
        losses = {k: float(v) for k, v in outputs.items() if 'loss' in k}
        broken = [k for k, v in losses.items() if not math.isfinite(v)]
        raise FloatingPointError(
            f'iteration {runner.iter + 1}: {", ".join(broken)} is not finite. Lower '
            'optim_wrapper.optimizer.lr or the weight of the loss that grew first (see '
            'the log), clip gradients by optim_wrapper.clip_grad, or train without '
            'mixed precision; --resume goes on from the last checkpoint.'
        )
