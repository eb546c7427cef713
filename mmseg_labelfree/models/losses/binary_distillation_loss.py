"""Distillation of one binary classifier per class (LwF-MC)."""

from mmseg.registry import MODELS

from ...ops.binary_cross_entropy import binary_distillation
from .knowledge_distillation_loss import KnowledgeDistillationLoss


@MODELS.register_module()
class BinaryDistillationLoss(KnowledgeDistillationLoss):
    r"""Distillation part of LwF-MC in MiB, section 6.2.1.

    Binary cross-entropies between the student's :math:`\sigma(x_c)` and the teacher's
    over the teacher's K classes, background included
    (https://arxiv.org/abs/2002.00718). New-class logits have a zero gradient. Its
    other part is :class:`IncrementalBCELoss`.

    The authors' code multiplies a mean over pixels and classes by 10 K. That is 10
    times the sum over classes averaged over pixels: ``loss_weight=10.0`` with the
    default ``class_average=False``.

    Args:
        alpha (float): Factor on the teacher's logits; the code has none. Defaults to
            1.0.
        class_average (bool): Divide by K as well. Unlike the other distillation
            losses' weights, the published 10 is in units of the plain sum.
            Defaults to False.
        loss_weight (float): Factor on the loss. Defaults to 1.0.
        loss_name (str): Name in the log, must start with ``loss_``.

    Raises:
        ValueError: If ``alpha`` is not positive or ``loss_name`` has no prefix.

    Example:
        ``distillation=[dict(type='BinaryDistillationLoss', loss_weight=10.0)]``
    """

    pixel_loss = staticmethod(binary_distillation)

    def __init__(
        self,
        alpha: float = 1.0,
        class_average: bool = False,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_binary_kd',
    ) -> None:
        super().__init__(alpha, class_average, loss_weight, loss_name)
