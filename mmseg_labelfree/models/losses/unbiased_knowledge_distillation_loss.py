"""Distillation of MiB, in which new classes count as the teacher's background."""

from mmseg.registry import MODELS
from torch import Tensor

from ...ops.unbiased_knowledge_distillation import unbiased_knowledge_distillation
from .knowledge_distillation_loss import KnowledgeDistillationLoss


@MODELS.register_module()
class UnbiasedKnowledgeDistillationLoss(KnowledgeDistillationLoss):
    """Mean of the unbiased distillation over the pixels (MiB, eq. 7 and 9).

    The teacher may have called pixels of the new classes background, so its
    background is compared with the sum of the student's background and new-class
    probabilities; see :func:`~mmseg_labelfree.ops.unbiased_knowledge_distillation`.
    The published loss weights are 100 in VOC 15-1, 10 elsewhere.

    Args:
        alpha: As for :class:`KnowledgeDistillationLoss`.
        class_average: As for :class:`KnowledgeDistillationLoss`.
        **kwargs: As for :class:`BaseLoss`.

    Raises:
        ValueError: An argument is out of range.

    Example:
        ``distillation=[dict(type='UnbiasedKnowledgeDistillationLoss',
        loss_weight=10.0)]``

        >>> import torch
        >>> loss = UnbiasedKnowledgeDistillationLoss(class_average=False)
        >>> loss(torch.zeros(1, 4, 1, 1), torch.tensor([50.0, 0.0]).view(1, 2, 1, 1))
        tensor(0.2877)
    """

    loss_name = 'loss_unbiased_kd'

    def pixel_loss(self, student_logits: Tensor, teacher_logits: Tensor) -> Tensor:
        """Loss of each pixel ``(N, H, W)``."""
        return unbiased_knowledge_distillation(
            student_logits, teacher_logits, self.alpha, self.class_average
        )
