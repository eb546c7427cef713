"""Batch norm behind global pooling, in a batch of a single image."""

from collections.abc import Iterator
from typing import Any

from mmengine.dist import get_world_size
from torch import Tensor, nn

from ...utils.framework_compat import BatchNorm

__all__ = ['allow_single_images']


def allow_single_images(model: nn.Module) -> None:
    """Let a model train on a batch of one image, with image pooling as in ASPP.

    The batch norm behind a pooling to one pixel then has a single value a channel,
    which has no variance, and torch refuses it. Such a batch is normalized by the
    running statistics instead, and leaves these as they are.

    Args:
        model: Its pooling layers are changed in place.
    """
    for norm in _norms_of_pooled(model):
        norm.register_forward_pre_hook(_before)
        norm.register_forward_hook(_after)


def _norms_of_pooled(model: nn.Module) -> Iterator[nn.Module]:
    for module in model.modules():
        if not isinstance(module, nn.Sequential) or not len(module):
            continue
        pool = module[0]
        if isinstance(pool, nn.AdaptiveAvgPool2d) and pool.output_size in (1, (1, 1)):
            yield from (m for m in module.modules() if isinstance(m, BatchNorm))


def _before(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    shared = isinstance(norm, nn.SyncBatchNorm) and get_world_size() > 1
    if norm.training and not shared and inputs[0].numel() == inputs[0].shape[1]:
        norm.eval()
        norm.resting = True  # type: ignore[assignment]


def _after(norm: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> None:
    if getattr(norm, 'resting', False):
        norm.train()
        norm.resting = False  # type: ignore[assignment]
