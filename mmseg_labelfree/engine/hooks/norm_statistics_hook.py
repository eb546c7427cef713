"""One set of running statistics for all processes."""

from collections.abc import Iterator
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import Tensor, nn

from ...models.teachers import networks_of
from ...ops.collectives import average_over_processes_
from ...utils.distributed import bare_model


@HOOKS.register_module()
class NormStatisticsHook(Hook):
    """Hook that averages the running statistics of batch norm over the processes.

    Each process normalizes its own images and gathers its own statistics, of which
    checkpoints hold those of the first process: without this hook each validates by
    others, and the score is not the checkpoint's. After each iteration the student's
    and the teacher's become the means over the processes. Running statistics follow
    those of the batches linearly, so that averaging more or less often gives
    the same ones, up to rounding.

    MMEngine's ``SyncBuffersHook`` averages all buffers, queues and counters of a model
    among them, leaves teachers alone, and comes after the checkpoints of an
    iteration-based loop. ``SyncBatchNorm`` needs neither. With one process nothing
    happens.

    Example:
        ``default_hooks=dict(norm_statistics=dict(type='NormStatisticsHook'))``
    """

    priority = 'ABOVE_NORMAL'  # before what looks at the models, and the checkpoints

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
    ) -> None:
        """Average the statistics of the student and its teacher."""
        for network in networks_of(bare_model(runner.model)):
            average_over_processes_([*_statistics(network)])


def _statistics(model: nn.Module) -> Iterator[Tensor]:
    for module in model.modules():
        if isinstance(module, nn.SyncBatchNorm):
            continue
        for name in ('running_mean', 'running_var'):
            statistic = getattr(module, name, None)
            if statistic is not None:
                yield statistic
