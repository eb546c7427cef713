"""Distillation of one binary classifier per class (LwF-MC)."""

from mmseg.registry import MODELS
from torch import Tensor

from ...ops.binary_distillation import binary_distillation
from .base import DistillationLoss


@MODELS.register_module()
class BinaryDistillationLoss(DistillationLoss):
    """Distillation part of LwF-MC, a baseline of MiB (section 6.2.1).

    Binary cross-entropies between the teacher's and the student's probabilities of
    the teacher's K classes, background included, summed over classes and averaged over
    pixels; see :func:`~mmseg_labelfree.ops.binary_distillation`. Its other part is
    :class:`IncrementalBCELoss`.

    The authors' code multiplies a mean over pixels and classes by 10 K. That is 10
    times this loss: ``loss_weight=10.0``.

    Args:
        **kwargs: As for :class:`BaseLoss`.

    Raises:
        ValueError: An argument is out of range.

    Example:
        ``distillation=[dict(type='BinaryDistillationLoss', loss_weight=10.0)]``

        >>> import torch
        >>> loss = BinaryDistillationLoss()
        >>> loss(torch.zeros(1, 5, 1, 1), torch.zeros(1, 3, 1, 1))  # 3 log 2
        tensor(2.0794)
    """

    loss_name = 'loss_binary_kd'

    def pixel_loss(self, student_logits: Tensor, teacher_logits: Tensor) -> Tensor:
        """Loss of each pixel ``(N, H, W)``."""
        return binary_distillation(student_logits, teacher_logits)
