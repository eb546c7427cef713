"""Recording the inputs of a layer, such as the classifier of a decode head."""

from collections.abc import Iterator
from contextlib import contextmanager

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn


def classifier_entry(head: BaseDecodeHead) -> nn.Module:
    """First layer of the classifier of a decode head: its dropout if it has one."""
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
