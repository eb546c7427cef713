"""Distillation over the classes known before alone."""

from functools import partial

import torch
from torch import Tensor

from .checks import check_distillation
from .pixel_loss import PixelLoss, fused_pixel_loss

__all__ = ['knowledge_distillation']


def knowledge_distillation(
    student_logits: Tensor,
    teacher_logits: Tensor,
    alpha: float = 1.0,
    class_average: bool = True,
) -> Tensor:
    r"""Compute the distillation of the old classes alone (MiB, eq. 7-8).

    Learning without Forgetting as in https://arxiv.org/abs/2002.00718: the student's
    probabilities q are made to sum to 1 over the teacher's K classes, so the logits of
    new classes have a zero gradient. With t the teacher's probabilities the loss of a
    pixel is :math:`-\sum_{c<K} t_c \log (q_c / \sum_{k<K} q_k)`.

    Args:
        student_logits: ``(N, C, H, W)`` of the model in training, any precision.
        teacher_logits: ``(N, K, H, W)`` of the model before this step,
            ``2 <= K <= C``. No gradient flows into them.
        alpha: Factor on the teacher's logits, above 1 for sharper targets. As in the
            authors' code the student's logits are not scaled. Defaults to 1.0.
        class_average: Divide by K as the authors' code does; the published weights of
            10 and 100 refer to that. False is the plain sum of eq. 7. Defaults to
            True.

    Returns:
        ``(N, H, W)`` in nats (per class if averaged), float32 (float64 for float64),
        not averaged over the pixels.

    Raises:
        ValueError: The shapes do not fit or ``alpha`` is not positive.

    Example:
        >>> student, teacher = torch.zeros(1, 4, 1, 1), torch.zeros(1, 3, 1, 1)
        >>> knowledge_distillation(student, teacher, class_average=False).exp()
        tensor([[[3.]]])
    """
    num_old_classes = check_distillation(student_logits, teacher_logits, alpha)
    pixel_loss = PixelLoss(
        partial(_distillation_value, alpha),
        partial(_distillation_gradient, alpha),
        num_state=4,
    )
    loss = fused_pixel_loss(student_logits, pixel_loss, teacher_logits)
    return loss / num_old_classes if class_average else loss


def exp_teacher(teacher, alpha, dtype, shift=None):
    """exp(alpha * teacher - shift) and the shift, by default the maximum."""
    teacher = teacher.to(dtype)
    if alpha != 1:
        teacher = teacher * alpha
    if shift is None:
        shift = teacher.amax(0)
    return (teacher - shift).exp_(), shift


def _distillation_value(alpha, x, work, state, teacher):
    target, shift = exp_teacher(teacher, alpha, x.dtype)
    old = work[: len(teacher)]
    old_max = x[: len(teacher)].amax(0)
    torch.sub(x[: len(teacher)], old_max, out=old)
    state[0] = old_max
    state[2] = shift
    state[3] = target.sum(0)
    match = target.mul_(old).sum(0).div_(state[3])
    state[1] = old.exp_().sum(0)
    return state[1].log() - match


def _distillation_gradient(alpha, x, work, state, factor, teacher):
    old_max, old_sum, shift, target_sum = state
    old = work[: len(teacher)]
    torch.sub(x[: len(teacher)], old_max, out=old)
    target, _ = exp_teacher(teacher, alpha, x.dtype, shift)
    old.exp_().mul_(factor / old_sum).addcmul_(target, factor / target_sum, value=-1)
    work[len(teacher) :].zero_()
