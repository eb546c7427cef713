"""Distillation in which new classes count as the teacher's background."""

from functools import partial

import torch
from torch import Tensor

from .checks import check_distillation
from .knowledge_distillation import exp_teacher
from .pixel_loss import PixelLoss, fused_pixel_loss, log_shares

__all__ = ['unbiased_knowledge_distillation']


def unbiased_knowledge_distillation(
    student_logits: Tensor,
    teacher_logits: Tensor,
    alpha: float = 1.0,
    class_average: bool = True,
) -> Tensor:
    r"""Compute the unbiased distillation of each pixel (MiB, eq. 7 and 9).

    Modeling the Background (https://arxiv.org/abs/2002.00718): the teacher may have
    called pixels of the new classes background. With :math:`q` the student's softmax
    over all C classes and :math:`t` the teacher's over its K classes, a pixel costs

    .. math::
        -t_0 \log\Big(q_0 + \sum_{k \ge K} q_k\Big) - \sum_{c=1}^{K-1} t_c \log q_c .

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
        >>> teacher[:, 0] = 100  # surely background, for which 2 classes stand now
        >>> unbiased_knowledge_distillation(student, teacher, class_average=False).exp()
        tensor([[[2.]]])
    """
    num_old_classes = check_distillation(student_logits, teacher_logits, alpha)
    pixel_loss = PixelLoss(
        partial(_unbiased_distillation_value, alpha),
        partial(_unbiased_distillation_gradient, alpha),
        num_state=6,
    )
    loss = fused_pixel_loss(student_logits, pixel_loss, teacher_logits)
    return loss / num_old_classes if class_average else loss


def _unbiased_distillation_value(alpha, x, work, state, teacher):
    num_old_classes = len(teacher)
    target, shift = exp_teacher(teacher, alpha, x.dtype)
    target_sum = target.sum(0)
    # The parts are the old classes, and background with the new classes.
    old = work[1:num_old_classes]
    old_max = x[1:num_old_classes].amax(0)
    rest_max = x[0]
    if num_old_classes < len(x):
        rest_max = torch.maximum(rest_max, x[num_old_classes:].amax(0))
    torch.sub(x[1:num_old_classes], old_max, out=old)
    for rows in (slice(0, 1), slice(num_old_classes, None)):
        torch.sub(x[rows], rest_max, out=work[rows])
    match = target[1:].mul_(old).sum(0).div_(target_sum)
    work.exp_()
    old_sum = old.sum(0)
    rest_sum = work[num_old_classes:].sum(0).add_(work[0])
    log_rest, log_old = log_shares(rest_max, rest_sum, old_max, old_sum)

    background = target[0] / target_sum
    state[0] = rest_max
    state[1] = old_max
    state[2] = (log_rest.exp() - background).div_(rest_sum)
    state[3] = log_old.exp().div_(old_sum)
    state[4] = shift
    state[5] = target_sum
    return (1 - background) * (old_sum.log_() - log_old) - background * log_rest - match


def _unbiased_distillation_gradient(alpha, x, work, state, factor, teacher):
    num_old_classes = len(teacher)
    rest_max, old_max, rest_scale, old_scale, shift, target_sum = state
    old = work[1:num_old_classes]
    torch.sub(x[1:num_old_classes], old_max, out=old)
    for rows in (slice(0, 1), slice(num_old_classes, None)):
        torch.sub(x[rows], rest_max, out=work[rows])
    work.exp_()
    rest_factor = rest_scale * factor
    for rows in (slice(0, 1), slice(num_old_classes, None)):
        work[rows].mul_(rest_factor)
    target, _ = exp_teacher(teacher[1:], alpha, x.dtype, shift)
    old.mul_(old_scale * factor).addcmul_(target, factor / target_sum, value=-1)
