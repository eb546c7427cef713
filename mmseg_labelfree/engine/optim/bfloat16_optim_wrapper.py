"""Trains in bfloat16, also without a GPU."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmseg.registry import OPTIM_WRAPPERS
from torch import nn


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Optimizer wrapper that runs the forward pass under bfloat16 autocast.

    MMEngine's ``AmpOptimWrapper`` refuses to start without a GPU. bfloat16 has
    float32's exponent range, so no loss scaling is needed and the wrapper only has
    to open the autocast context, on whatever device the model is. On CPUs with
    AVX512-bf16 or AMX it roughly halves a training step. Weights, optimizer state and
    checkpoints stay float32.

    Example:
        ``optim_wrapper=dict(type='BFloat16OptimWrapper', optimizer=dict(...))``
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast the forward pass; otherwise as in ``OptimWrapper``."""
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, torch.bfloat16):
            yield
