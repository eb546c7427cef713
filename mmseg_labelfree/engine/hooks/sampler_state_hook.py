"""Checks the sampler of mixed batches and keeps its pools in the checkpoints."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ...datasets.samplers.multi_source import MultiSourceSampler

CHECKPOINT_KEY = 'multi_source_sampler'


@HOOKS.register_module()
class SamplerStateHook(Hook):
    """Care for a :class:`~mmseg_labelfree.datasets.MultiSourceSampler`.

    Before training it checks that the loader's batch size is the sampler's, and
    enters the length of an epoch in the message hub as ``batches_per_epoch``. The
    samples that other hooks moved between the pools are saved with every checkpoint
    and moved again on resume; without moves a run resumes exactly without this too.

    Raises:
        TypeError: The training loader has another sampler.
        ValueError: The batch sizes differ, or on resume the data or the seed do.

    Example:
        ``custom_hooks=[dict(type='SamplerStateHook')]``
    """

    priority = 'HIGH'  # before the hooks that move samples

    def __init__(self) -> None:
        self._saved: dict[str, Any] | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the state until training begins."""
        self._saved = checkpoint.get(CHECKPOINT_KEY)

    def before_train(self, runner: Runner) -> None:
        """Check the batch size; on resume, restore the pools."""
        sampler = multi_source_sampler(runner)
        sampler.check_loader(runner.train_dataloader)
        runner.message_hub.update_info('batches_per_epoch', sampler.batches_per_epoch)
        if runner.iter > 0 and self._saved is not None:
            sampler.load_state_dict(self._saved)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save the pools."""
        checkpoint[CHECKPOINT_KEY] = multi_source_sampler(runner).state_dict()


def multi_source_sampler(runner: Runner) -> MultiSourceSampler:
    """The sampler of the training loader; a TypeError if it is another kind."""
    sampler = runner.train_dataloader.sampler
    if not isinstance(sampler, MultiSourceSampler):
        raise TypeError(
            'SamplerStateHook needs train_dataloader.sampler=dict(type='
            f"'MultiSourceSampler', ...), not a {type(sampler).__name__}"
        )
    return sampler
