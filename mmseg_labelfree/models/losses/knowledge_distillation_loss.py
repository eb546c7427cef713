"""Distillation over the old classes alone (LwF)."""

from typing import Any

from mmseg.registry import MODELS
from torch import Tensor

from ...ops.knowledge_distillation import knowledge_distillation
from ...utils.choices import check_range
from .base import DistillationLoss


@MODELS.register_module()
class KnowledgeDistillationLoss(DistillationLoss):
    """Loss that averages the standard distillation over pixels (MiB, eq. 7-8).

    Cross-entropy between the teacher's softmax and the student's softmax over the
    teacher's K classes; see :func:`~mmseg_labelfree.ops.knowledge_distillation`. Used
    by LwF and ILT.

    Args:
        alpha: Factor on the teacher's logits; the student's are not scaled, as in the
            authors' code. Defaults to 1.0.
        class_average: Divide by K as well, as the authors' code does: the published
            loss weights (10 and 100) are in these units. False is the plain sum over
            classes (MiB, eq. 7). Defaults to True.
        **kwargs: As for :class:`BaseLoss`.

    Raises:
        ValueError: An argument is out of range.

    Example:
        ``distillation=[dict(type='KnowledgeDistillationLoss', loss_weight=100.0)]``

        >>> import torch
        >>> loss = KnowledgeDistillationLoss(loss_weight=30.0)
        >>> loss(torch.zeros(1, 5, 1, 1), torch.zeros(1, 3, 1, 1))  # 30 / 3 log 3
        tensor(10.9861)
    """

    loss_name = 'loss_kd'

    def __init__(
        self, alpha: float = 1.0, class_average: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_range(0, above=True, alpha=alpha)
        self.alpha = alpha
        self.class_average = class_average

    def pixel_loss(self, student_logits: Tensor, teacher_logits: Tensor) -> Tensor:
        """Loss of each pixel ``(N, H, W)``."""
        return knowledge_distillation(
            student_logits, teacher_logits, self.alpha, self.class_average
        )
