"""Recording of what goes into a layer, or comes out of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn


def classifier_entry(head: BaseDecodeHead) -> nn.Module:
    """Find the first layer of a decode head's classifier: its dropout if it has one."""
    return head.dropout or head.conv_seg


@contextmanager
def recorded_inputs(module: nn.Module) -> Iterator[list[Tensor]]:
    """Collect what ``module`` is called with inside the context.

    Yields:
        A list, with the first argument of each call so far.
    """
    recorded: list[Tensor] = []
    handle = module.register_forward_pre_hook(lambda _, args: recorded.append(args[0]))
    try:
        yield recorded
    finally:
        handle.remove()


@contextmanager
def recorded_outputs(module: nn.Module) -> Iterator[list[Any]]:
    """Collect what calls of ``module`` inside the context return.

    Yields:
        A list, with the output of each call so far.
    """
    recorded: list[Any] = []
    handle = module.register_forward_hook(lambda _, args, out: recorded.append(out))
    try:
        yield recorded
    finally:
        handle.remove()


@contextmanager
def recorded_stages(backbone: Any) -> Iterator[dict[int, Tensor]]:
    """Collect the outputs of a ResNet's stages before their last activation.

    Args:
        backbone: A network with the ``res_layers`` of MMSegmentation's ResNets; of
            another nothing is recorded.

    Yields:
        The output of each stage so far, by its number from 0.
    """
    recorded: dict[int, Tensor] = {}

    def record(stage: int, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        recorded[stage] = args[0]  # the block's last call remains
        return (args[0].clone(),)  # it may work in place

    handles = [
        getattr(backbone, name)[-1].relu.register_forward_pre_hook(
            lambda _, args, stage=stage: record(stage, args)
        )
        for stage, name in enumerate(getattr(backbone, 'res_layers', ()))
    ]
    try:
        yield recorded
    finally:
        for handle in handles:
            handle.remove()
