"""Hook that saves the memory bank of a segmentor."""

from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ...models.layers.memory_bank import PrototypeMemoryBank
from ...models.losses.bank_contrast import BankContrastLoss
from ...utils.choices import check_range
from ...utils.distributed import bare_model
from .module_entry_hook import ModuleEntryHook


@HOOKS.register_module()
class PrototypeMemoryBankHook(ModuleEntryHook):
    """Hook that keeps the queues and prototypes of a memory bank in the checkpoints.

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

    entry = 'memory_bank'
    kind = PrototypeMemoryBank

    def __init__(self, bank: str = 'memory_bank', report_interval: int = 50) -> None:
        check_range(1, report_interval=report_interval)
        super().__init__(bank)
        self.report_interval = report_interval

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Let the contrastive losses log why they are 0."""
        if self.every_n_train_iters(runner, self.report_interval):
            for module in bare_model(runner.model).modules():
                if isinstance(module, BankContrastLoss):
                    module.report_idle()
