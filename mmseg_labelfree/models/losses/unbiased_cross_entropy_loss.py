"""Cross-entropy of MiB, in which background stands for all old classes."""

from typing import Any

from mmseg.registry import MODELS
from torch import Tensor

from ...ops.unbiased_cross_entropy import unbiased_cross_entropy
from .base import DecodeLoss, check_num_old_classes
from .label_watch import LabelWatch


@MODELS.register_module()
class UnbiasedCrossEntropyLoss(DecodeLoss):
    """Loss that averages the unbiased cross-entropy over pixels (MiB, eq. 5-6).

    See :func:`~mmseg_labelfree.ops.unbiased_cross_entropy`. With
    ``num_old_classes=1`` it is the ordinary cross-entropy.

    It is for steps whose labels show new classes alone, all else as background, with a
    teacher that knows the old ones. Where labels of old classes come, background loses
    its pixels to them; that is logged once, at the next validation.

    Args:
        num_old_classes: Number of classes known before this step, background
            included: 16 in the second step of VOC 15-5. Must be below the number of
            logits. ``ClassIncrementalProtocol`` sets it.
        **kwargs: As for :class:`DecodeLoss`.

    Raises:
        ValueError: An argument is out of range.

    Example:
        ``loss_decode=dict(type='UnbiasedCrossEntropyLoss', num_old_classes=16)``

        >>> import torch
        >>> loss = UnbiasedCrossEntropyLoss(num_old_classes=2, loss_weight=10.0)
        >>> loss(torch.zeros(1, 4, 1, 2), torch.tensor([[[0, 3]]]))  # 5 (log 2 + log 4)
        tensor(10.3972)
    """

    loss_name = 'loss_unbiased_ce'

    def __init__(self, num_old_classes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_old_classes = check_num_old_classes(num_old_classes)
        self.old_labels = LabelWatch(
            f'{type(self).__name__}(num_old_classes={num_old_classes}) gets labels of '
            f'the old classes 1 to {num_old_classes - 1}, and then learns hardly any '
            'background: it needs the data of a step (IncrementalDataset with a task) '
            'and a teacher (FrozenTeacherHook); without these use CrossEntropyLoss',
            wanted=False,
        )

    def maps(self, label: Tensor, num_classes: int) -> tuple[Tensor, ...]:
        """None; labels of old classes are noted."""
        if self.num_old_classes > 1:
            self.old_labels((label > 0) & (label < self.num_old_classes))
        return ()

    def pixel_loss(
        self, logits: Tensor, label: Tensor, *maps: Tensor, ignore_index: int
    ) -> Tensor:
        """Loss of each pixel ``(N, H, W)``."""
        return unbiased_cross_entropy(logits, label, self.num_old_classes, ignore_index)
