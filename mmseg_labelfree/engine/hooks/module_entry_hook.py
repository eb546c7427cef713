"""Base class of hooks that save what a part of the segmentor has learned."""

from collections.abc import Sequence
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from ...utils.distributed import bare_model
from .checkpoint_entry_hook import CheckpointEntryHook


class ModuleEntryHook(CheckpointEntryHook):
    """Base class of hooks that keep a child of the segmentor in the checkpoints.

    The child keeps out of ``state_dict`` and has ``contents()``, a dict of tensors on
    the CPU, and ``restore(contents)``.

    Args:
        module: Name of the child.

    Raises:
        TypeError: The segmentor has no such child of :attr:`kind`.
    """

    kind: type[nn.Module]
    """Class of the child."""

    def __init__(self, module: str) -> None:
        self.module = module

    def check_model(self, model: Any, hooks: Sequence[Hook]) -> None:
        """Raise if the model, or another hook, is not what this hook needs."""
        if not isinstance(getattr(model, self.module, None), self.kind):
            raise TypeError(
                f'{type(model).__name__}.{self.module} is no {self.kind.__name__}: '
                f'{type(self).__name__} needs a segmentor with one; give its name to '
                'the hook, or take the hook out'
            )

    def before_train(self, runner: Runner) -> None:
        """Look for the child; on resume, restore it."""
        self.check_model(bare_model(runner.model), runner.hooks)
        super().before_train(runner)

    def contents(self, runner: Runner) -> dict[str, Any]:
        """Return what the child holds."""
        return self.find(runner).contents()

    def restore(self, runner: Runner, entry: dict[str, Any]) -> None:
        """Fill the child."""
        self.find(runner).restore(entry)

    def find(self, runner: Runner) -> Any:
        """The child."""
        return getattr(bare_model(runner.model), self.module)
