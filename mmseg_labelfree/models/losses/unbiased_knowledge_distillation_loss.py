"""Distillation of MiB, in which new classes count as the teacher's background."""

from mmseg.registry import MODELS

from ...ops.incremental import unbiased_knowledge_distillation
from .knowledge_distillation_loss import KnowledgeDistillationLoss


@MODELS.register_module()
class UnbiasedKnowledgeDistillationLoss(KnowledgeDistillationLoss):
    r"""Unbiased distillation of MiB, eq. 7 with 9 (https://arxiv.org/abs/2002.00718).

    The teacher may have called pixels of the new classes background, so its
    background is compared with the sum of the student's background and
    new-class probabilities; the student's softmax runs over all classes.

    Args:
        alpha (float): Factor on the teacher's logits; the student's are not
            scaled, as in the authors' code. Defaults to 1.0.
        class_average (bool): Divide by the teacher's number of classes as well, as
            the authors' code does: the published loss weights (100 in VOC 15-1, 10
            elsewhere) are in these units. False is the plain sum over classes of
            eq. 7. Defaults to True.
        loss_weight (float): Factor on the loss. Defaults to 1.0.
        loss_name (str): Name in the log, must start with ``loss_``.

    Raises:
        ValueError: If ``alpha`` is not positive or ``loss_name`` has no prefix.

    Example:
        ``dict(type='UnbiasedKnowledgeDistillationLoss', loss_weight=10.0)``
    """

    pixel_loss = staticmethod(unbiased_knowledge_distillation)

    def __init__(
        self,
        alpha: float = 1.0,
        class_average: bool = True,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_unbiased_kd',
    ) -> None:
        super().__init__(alpha, class_average, loss_weight, loss_name)
