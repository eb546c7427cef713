"""Runner of a training whose console is short."""

import logging

import torch
from mmengine.dist import is_distributed
from mmengine.logging import MMLogger
from mmengine.model import revert_sync_batchnorm
from mmengine.runner import Runner
from torch import nn

from ..utils.console import quiet_console

__all__ = ['StageRunner']


class StageRunner(Runner):
    """Runner that keeps the environment, its config and its hooks to its log file.

    The console shows warnings and errors in one line each; what else is worth reading
    :func:`~mmseg_labelfree.utils.console.say` prints. Several processes on CPUs, where
    batch norm cannot be synchronized, train with plain batch norm.

    Example:
        ``StageRunner.from_cfg(cfg).train()``
    """

    def build_logger(self, *args, **kwargs) -> MMLogger:
        """Build the log of this run, with a quiet console."""
        return quiet_console(super().build_logger(*args, **kwargs))

    def build_model(self, model: nn.Module | dict) -> nn.Module:
        """Build the model, for the device that there is."""
        built = super().build_model(model)
        synchronized = any(isinstance(m, nn.SyncBatchNorm) for m in built.modules())
        if torch.cuda.is_available() or not (is_distributed() and synchronized):
            return built
        self.logger.log(
            logging.WARNING,
            'there is no GPU, so BN is used in place of SyncBN: each process '
            'normalizes by its own images',
        )
        return revert_sync_batchnorm(built)
