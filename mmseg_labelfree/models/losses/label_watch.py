"""Watch over the labels that reach a loss."""

import logging

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from ...ops.compiling import untraced

__all__ = ['LabelWatch']


class LabelWatch(nn.Module):
    """Watch over labels of a kind, which warns once that they are there, or are not.

    It counts on the device, where a training step waits for nothing, and looks when
    the model is set to evaluation, as validations do. Checkpoints do not hold it.

    Args:
        message: The warning.
        wanted: Whether such labels should come.

    Example:
        >>> watch = LabelWatch('all pixels are ignored', wanted=True)
        >>> watch(torch.tensor([0, 255]) != 255)  # a training step
        >>> watch = watch.eval()  # logs nothing, as one was not
    """

    def __init__(self, message: str, wanted: bool) -> None:
        super().__init__()
        self.message = message
        self.wanted = wanted
        self.told = False
        # No buffer: it is no part of the model, and lies where the labels are.
        self.found: Tensor | None = None

    def extra_repr(self) -> str:
        """The kind, for ``print(model)``."""
        return f'wanted={self.wanted}'

    @untraced
    @torch.no_grad()
    def forward(self, found: Tensor) -> None:
        """Note the labels of a step.

        Args:
            found: Bool, of any shape: which labels are of the kind.
        """
        known = found.any()
        self.found = known if self.found is None else self.found | known

    def train(self, mode: bool = True) -> 'LabelWatch':
        """Set the mode; evaluation is the time to look."""
        super().train(mode)
        if not mode and self.found is not None and not self.told:
            self.told = bool(self.found) != self.wanted
            if self.told:
                print_log(self.message, logger='current', level=logging.WARNING)
        return self
