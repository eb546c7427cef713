"""Distillation over the old classes alone (LwF)."""

from mmseg.registry import MODELS
from torch import Tensor, nn

from ...ops.incremental import knowledge_distillation
from ...ops.pixel_loss import check_same_pixels


@MODELS.register_module()
class KnowledgeDistillationLoss(nn.Module):
    r"""Standard distillation, MiB eq. 7-8 (https://arxiv.org/abs/2002.00718).

    Cross-entropy between the teacher's softmax and the student's softmax over the
    teacher's K classes. New-class logits have a zero gradient. Used by LwF.

    Args:
        alpha (float): Factor on the teacher's logits; the student's are not
            scaled, as in the authors' code. Defaults to 1.0.
        class_average (bool): Divide by K as well, as the authors' code does: the
            published loss weights (10 and 100) are in these units. False is the
            plain sum over classes of eq. 7. Defaults to True.
        loss_weight (float): Factor on the loss. Defaults to 1.0.
        loss_name (str): Name in the log, must start with ``loss_``.

    Raises:
        ValueError: If ``alpha`` is not positive or ``loss_name`` has no prefix.

    Example:
        ``dict(type='KnowledgeDistillationLoss', loss_weight=100.0)``
    """

    #: What IncrementalEncoderDecoder hands to the loss, of student and teacher.
    compares = 'logits'
    pixel_loss = staticmethod(knowledge_distillation)

    def __init__(
        self,
        alpha: float = 1.0,
        class_average: bool = True,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_kd',
    ) -> None:
        super().__init__()
        if not alpha > 0:
            raise ValueError(f'alpha must be positive, got {alpha}')
        if not loss_name.startswith('loss_'):
            raise ValueError(f"loss_name must start with 'loss_', got {loss_name!r}")
        self.alpha = alpha
        self.class_average = class_average
        self.loss_weight = loss_weight
        self._loss_name = loss_name

    def forward(
        self,
        student_logits: Tensor,
        teacher_logits: Tensor,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Compute the loss.

        Args:
            student_logits (Tensor): Logits ``(N, C, H, W)`` of the model in training;
                half precision is computed in float32.
            teacher_logits (Tensor): Logits ``(N, K, H, W)`` of the model of the step
                before, ``2 <= K <= C``; no gradient flows into them.
            mask (Tensor, optional): Bool or float factor per pixel ``(N, H, W)``.
                The mean stays one over all pixels.

        Returns:
            Tensor: A scalar, never negative.

        Raises:
            ValueError: If the shapes do not fit; the message names both.
        """
        loss = self.pixel_loss(
            student_logits, teacher_logits, self.alpha, self.class_average
        )
        if mask is not None:
            check_same_pixels('mask', mask, student_logits)
            loss = loss * mask
        return self.loss_weight * loss.mean()

    def extra_repr(self) -> str:
        """Settings shown when the model is printed."""
        return (
            f'alpha={self.alpha}, class_average={self.class_average}, '
            f'loss_weight={self.loss_weight}'
        )

    @property
    def loss_name(self) -> str:
        """Name of the loss in the log; starts with ``loss_``."""
        return self._loss_name
