"""State of a hook that travels in the checkpoints."""

from abc import abstractmethod
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner


class CheckpointEntryHook(Hook):
    """Base class of hooks that keep an entry of their own in the checkpoints.

    Every checkpoint gets :meth:`contents` under the key :attr:`entry`, beside the
    model's ``state_dict``. When training is resumed, :meth:`restore` gets it back in
    ``before_train``; a subclass that extends ``before_train`` calls it on the way. A
    checkpoint that is only loaded (``load_from``) restores nothing.

    Example::

        class CountHook(CheckpointEntryHook):
            entry = 'count'
            count = 0

            def contents(self, runner):
                return self.count

            def restore(self, runner, entry):
                self.count = entry
    """

    entry: str
    """Key in the checkpoints."""

    remedy = 'use it with load_from instead, or take the hook out'
    """What to do about a checkpoint that cannot be resumed for lack of the entry."""

    loaded: Any = None
    """The entry of the checkpoint that was read last, until it is restored."""

    @abstractmethod
    def contents(self, runner: Runner) -> Any:
        """What to save: plain values and tensors; None for no entry."""

    @abstractmethod
    def restore(self, runner: Runner, entry: Any) -> None:
        """Take up :meth:`contents` of the training that is resumed."""

    def restore_nothing(self, runner: Runner) -> None:
        """Resume from a checkpoint without the entry; by default that is refused.

        Raises:
            ValueError: Says what to do.
        """
        raise ValueError(
            f'the checkpoint to resume from has no entry {self.entry!r}: it was '
            f'trained without {type(self).__name__}; {self.remedy}'
        )

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the entry until it is needed."""
        self.loaded = checkpoint.pop(self.entry, None)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save the entry."""
        contents = self.contents(runner)
        if contents is not None:
            checkpoint[self.entry] = contents

    def before_train(self, runner: Runner) -> None:
        """Restore the entry, if training is resumed."""
        entry, self.loaded = self.loaded, None
        if runner.iter == 0:
            return
        if entry is None:
            self.restore_nothing(runner)
        else:
            self.restore(runner, entry)
