"""Keeps the memory bank of a segmentor in the checkpoints."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ...models.layers.memory_bank import PrototypeMemoryBank
from ...models.losses import MemoryBankContrastiveLoss
from ...utils.distributed import bare_model

CHECKPOINT_KEY = 'memory_bank'


@HOOKS.register_module()
class PrototypeMemoryBankHook(Hook):
    """Save the queues and prototypes with every checkpoint, restore them on resume.

    The segmentor must have a
    :class:`~mmseg_labelfree.models.layers.PrototypeMemoryBank`, which keeps out of
    ``state_dict``. Checkpoints hold the filled part of it under ``memory_bank``. The
    hook also logs, once, why contrastive losses are 0, if they are.

    Args:
        bank: Name of the segmentor's child that is the bank.
        report_interval: Iterations between two looks at the contrastive losses, each
            of which waits for the device.

    Raises:
        TypeError: The segmentor has no such bank.
        ValueError: The checkpoint to resume has no bank, or one of other sizes.

    Example:
        ``custom_hooks=[dict(type='PrototypeMemoryBankHook')]``
    """

    def __init__(self, bank: str = 'memory_bank', report_interval: int = 50) -> None:
        self.bank = bank
        self.report_interval = report_interval
        self._saved: dict[str, Any] | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the contents in the checkpoint until training begins."""
        self._saved = checkpoint.pop(CHECKPOINT_KEY, None)

    def before_train(self, runner: Runner) -> None:
        """Restore the bank on resume."""
        bank = self._find(runner)
        if runner.iter > 0:
            if self._saved is None:
                raise ValueError(
                    f'the checkpoint to resume has no entry {CHECKPOINT_KEY!r}: it was '
                    'trained without PrototypeMemoryBankHook; use it with load_from '
                    'instead, or take the hook out'
                )
            bank.restore(self._saved)
        self._saved = None

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Let the contrastive losses say why they are 0."""
        if self.every_n_train_iters(runner, self.report_interval):
            for module in bare_model(runner.model).modules():
                if isinstance(module, MemoryBankContrastiveLoss):
                    module.report_idle()

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save the bank beside the student."""
        checkpoint[CHECKPOINT_KEY] = self._find(runner).contents()

    def _find(self, runner: Runner) -> PrototypeMemoryBank:
        segmentor = bare_model(runner.model)
        bank = getattr(segmentor, self.bank, None)
        if not isinstance(bank, PrototypeMemoryBank):
            raise TypeError(
                f'{type(segmentor).__name__}.{self.bank} is no PrototypeMemoryBank: '
                'PrototypeMemoryBankHook needs a segmentor with one; set its bank= to '
                'the right name, or take the hook out'
            )
        return bank
