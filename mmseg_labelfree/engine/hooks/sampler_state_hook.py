"""Checks the sampler of mixed batches and keeps its pools in the checkpoints."""

from typing import Any

from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ...datasets.samplers.multi_source import MultiSourceSampler
from .checkpoint_entry_hook import CheckpointEntryHook


@HOOKS.register_module()
class SamplerStateHook(CheckpointEntryHook):
    """Hook that keeps the pools of the sampler of mixed batches in the checkpoints.

    It is for a :class:`~mmseg_labelfree.datasets.MultiSourceSampler`.

    Before training it checks that the loader's batch size is the sampler's, and
    enters the length of an epoch in the message hub as ``batches_per_epoch``. The
    samples that other hooks moved between the pools are saved with every checkpoint,
    as ``multi_source_sampler``, and moved again on resume; without moves a run resumes
    exactly without this too.

    Raises:
        TypeError: The training loader has another sampler.
        ValueError: The batch sizes differ, or on resume the data or the seed do.

    Example:
        ``custom_hooks=[dict(type='SamplerStateHook')]``
    """

    entry = 'multi_source_sampler'
    priority = 'HIGH'  # before the hooks that move samples

    def before_train(self, runner: Runner) -> None:
        """Check the batch size; on resume, restore the pools."""
        sampler = multi_source_sampler(runner)
        sampler.check_loader(runner.train_dataloader)
        runner.message_hub.update_info('batches_per_epoch', sampler.batches_per_epoch)
        super().before_train(runner)

    def contents(self, runner: Runner) -> dict[str, Any]:
        """The state of the sampler."""
        return multi_source_sampler(runner).state_dict()

    def restore(self, runner: Runner, entry: dict[str, Any]) -> None:
        """Move the samples again that were moved."""
        multi_source_sampler(runner).load_state_dict(entry)

    def restore_nothing(self, runner: Runner) -> None:
        """No sample was moved."""


def multi_source_sampler(runner: Runner) -> MultiSourceSampler:
    """The sampler of the training loader; a TypeError if it is another kind."""
    sampler = runner.train_dataloader.sampler
    if not isinstance(sampler, MultiSourceSampler):
        raise TypeError(
            'SamplerStateHook needs train_dataloader.sampler=dict(type='
            f"'MultiSourceSampler', ...), not a {type(sampler).__name__}"
        )
    return sampler
