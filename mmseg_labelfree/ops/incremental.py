r"""Losses of class-incremental segmentation with a changing background.

Modeling the Background (MiB, https://arxiv.org/abs/2002.00718) keeps class 0 as
background in every learning step. The classes of step t are numbered
``0 .. num_old_classes - 1`` for those of the step before, background included, and
``num_old_classes .. C - 1`` for the new ones.

All three losses are a cross-entropy :math:`-\sum_g t_g \log p_g` between a target
distribution :math:`t` and the student's probabilities :math:`p_g` of groups of
classes. The functions split the classes into two parts and take the softmax
within each part: the gradient is that softmax times one scale per pixel, less the
target, and a part whose probability rounds to zero still has a finite logarithm.
"""

from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from .pixel_loss import (
    PixelLoss,
    check_label,
    check_logits,
    check_same_pixels,
    fused_pixel_loss,
)


def unbiased_cross_entropy(
    logits: Tensor, label: Tensor, num_old_classes: int, ignore_index: int = 255
) -> Tensor:
    r"""Cross-entropy in which background stands for any old class, MiB eq. 5-6.

    With :math:`q` the softmax of the logits, a pixel of label 0 costs
    :math:`-\log \sum_{k < num\_old} q_k`, one of any other label c
    :math:`-\log q_c`. ``num_old_classes=1`` is the ordinary cross-entropy.

    A label ``0 < c < num_old_classes`` follows eq. 6 as well. The authors' code maps
    such labels to background first; ``IncrementalDataset`` does so when it loads
    the label map, so that they do not normally reach the loss.

    Args:
        logits (Tensor): Logits ``(N, C, H, W)``, floating point.
        label (Tensor): Class indices ``(N, H, W)``, an integer dtype. Every value
            is below C or equal to ``ignore_index``.
        num_old_classes (int): Number of classes known before this step, background
            included, ``1 <= num_old_classes < C``.
        ignore_index (int): Pixels of this label cost nothing and have a zero
            gradient. Defaults to 255.

    Returns:
        Tensor: Loss of each pixel ``(N, H, W)`` in nats, float32 (float64 for
        float64 logits), not averaged.

    Raises:
        ValueError: If shapes or dtypes disagree or ``num_old_classes`` is out of range.

    Example:
        >>> logits = torch.zeros(1, 4, 1, 2)
        >>> label = torch.tensor([[[0, 3]]])
        >>> unbiased_cross_entropy(logits, label, num_old_classes=2).exp()
        tensor([[[2., 4.]]])
    """
    check_logits(logits)
    check_old_classes(label, logits, num_old_classes)
    pixel_loss = PixelLoss(
        partial(_cross_entropy_value, num_old_classes, ignore_index),
        partial(_cross_entropy_gradient, num_old_classes, ignore_index),
        num_state=4,
    )
    return fused_pixel_loss(logits, pixel_loss, label)


def unbiased_knowledge_distillation(
    student_logits: Tensor,
    teacher_logits: Tensor,
    alpha: float = 1.0,
    class_average: bool = True,
) -> Tensor:
    r"""Distillation that compares the teacher's background with new classes too.

    MiB eq. 7 with eq. 9: with :math:`q` the student's softmax over all C classes and
    :math:`t` the teacher's over its K classes, the loss of a pixel is

    .. math::
        -t_0 \log\Big(q_0 + \sum_{k \ge K} q_k\Big) - \sum_{c=1}^{K-1} t_c \log q_c .

    Args:
        student_logits (Tensor): Logits ``(N, C, H, W)`` of the model in training.
        teacher_logits (Tensor): Logits ``(N, K, H, W)`` of the model before this
            step, ``2 <= K <= C``. Receives no gradient.
        alpha (float): Factor on the teacher's logits, above 1 for sharper targets. As
            in the authors' code the student's logits are not scaled.
        class_average (bool): Divide by K as the authors' code does; the published
            weights of 10 and 100 refer to that. False is the plain sum of
            eq. 7. Defaults to True.

    Returns:
        Tensor: Loss of each pixel ``(N, H, W)`` in nats (per class if averaged),
        float32 (float64 for float64 logits).

    Raises:
        ValueError: If the shapes do not fit or ``alpha`` is not positive.
    """
    num_old_classes = check_distillation(student_logits, teacher_logits, alpha)
    pixel_loss = PixelLoss(
        partial(_unbiased_distillation_value, alpha),
        partial(_unbiased_distillation_gradient, alpha),
        num_state=6,
    )
    loss = fused_pixel_loss(student_logits, pixel_loss, teacher_logits)
    return loss / num_old_classes if class_average else loss


def knowledge_distillation(
    student_logits: Tensor,
    teacher_logits: Tensor,
    alpha: float = 1.0,
    class_average: bool = True,
) -> Tensor:
    r"""Distillation over the old classes alone, MiB eq. 7-8 (LwF).

    The student's probabilities are renormalised over the teacher's K classes, so
    the logits of new classes have a zero gradient. The loss of a pixel is
    :math:`-\sum_{c<K} t_c \log (q_c / \sum_{k<K} q_k)`.

    Arguments, result and errors are those of
    :func:`unbiased_knowledge_distillation`.
    """
    num_old_classes = check_distillation(student_logits, teacher_logits, alpha)
    pixel_loss = PixelLoss(
        partial(_distillation_value, alpha),
        partial(_distillation_gradient, alpha),
        num_state=4,
    )
    loss = fused_pixel_loss(student_logits, pixel_loss, teacher_logits)
    return loss / num_old_classes if class_average else loss


def check_old_classes(label: Tensor, logits: Tensor, num_old_classes: int) -> None:
    """Raise a ValueError unless label and number of old classes fit the logits."""
    check_label(label, logits)
    if not 1 <= num_old_classes < logits.shape[1]:
        raise ValueError(
            f'num_old_classes={num_old_classes} does not fit {logits.shape[1]} '
            'logits: it counts '
            'background and the old classes, so it must be at least 1 and leave at '
            'least one new class'
        )


def check_distillation(student: Tensor, teacher: Tensor, alpha: float) -> int:
    """Return the teacher's number of classes, or raise a ValueError."""
    check_logits(student, 'student_logits')
    check_logits(teacher, 'teacher_logits')
    check_same_pixels('teacher_logits', teacher, student, dim=4)
    num_old_classes = teacher.shape[1]
    if not 2 <= num_old_classes <= student.shape[1]:
        raise ValueError(
            f'teacher_logits have {num_old_classes} classes and student_logits '
            f'{student.shape[1]}: the teacher needs background and at least one old '
            'class, and the student must know all of them'
        )
    if not alpha > 0:
        raise ValueError(f'alpha must be positive, got {alpha}')
    return num_old_classes


def _log_shares(max_a, sum_a, max_b, sum_b):
    """Log-probabilities of two parts, from max and sum(exp(x - max)) of each."""
    margin = max_a - max_b + (sum_a / sum_b).log_()
    return logsigmoid(margin), logsigmoid(-margin)


def _cross_entropy_value(num_old_classes, ignore_index, x, work, state, label):
    old, new = work[:num_old_classes], work[num_old_classes:]
    old_max, new_max = x[:num_old_classes].amax(0), x[num_old_classes:].amax(0)
    torch.sub(x[:num_old_classes], old_max, out=old)
    torch.sub(x[num_old_classes:], new_max, out=new)
    work.exp_()
    old_sum, new_sum = old.sum(0), new.sum(0)
    log_old, log_new = _log_shares(old_max, old_sum, new_max, new_sum)

    valid = label != ignore_index
    background = label == 0
    index = label.long().masked_fill(~valid, 0)
    # -log q_c is taken relative to the maximum of c's own part, then the share of that
    # part is added: no difference of large numbers.
    in_old = index < num_old_classes
    below_max = torch.where(in_old, old_max, new_max)
    below_max -= x.gather(0, index.unsqueeze(0))[0]
    inside = torch.where(in_old, old_sum, new_sum).log_()
    share = torch.where(in_old, log_old, log_new)
    loss = torch.where(background, -log_old, below_max + inside - share)

    p_old, p_new = log_old.exp_(), log_new.exp_()
    state[0] = old_max
    state[1] = new_max
    state[2] = torch.where(background, -p_new, p_old).div_(old_sum).mul_(valid)
    state[3] = p_new.div_(new_sum).mul_(valid)
    return loss.masked_fill_(~valid, 0)


def _cross_entropy_gradient(
    num_old_classes, ignore_index, x, work, state, factor, label
):
    old_max, new_max, old_scale, new_scale = state
    old, new = work[:num_old_classes], work[num_old_classes:]
    torch.sub(x[:num_old_classes], old_max, out=old)
    torch.sub(x[num_old_classes:], new_max, out=new)
    work.exp_()
    old.mul_(old_scale * factor)
    new.mul_(new_scale * factor)
    hit = (label != ignore_index) & (label != 0)
    index = label.long().masked_fill(~hit, 0).unsqueeze(0)
    work.scatter_add_(0, index, (factor * hit).neg_().unsqueeze(0))


def _exp_teacher(teacher, alpha, dtype, shift=None):
    """exp(alpha * teacher - shift) and the shift, by default the maximum."""
    teacher = teacher.to(dtype)
    if alpha != 1:
        teacher = teacher * alpha
    if shift is None:
        shift = teacher.amax(0)
    return (teacher - shift).exp_(), shift


def _unbiased_distillation_value(alpha, x, work, state, teacher):
    num_old_classes = len(teacher)
    target, shift = _exp_teacher(teacher, alpha, x.dtype)
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
    log_rest, log_old = _log_shares(rest_max, rest_sum, old_max, old_sum)

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
    target, _ = _exp_teacher(teacher[1:], alpha, x.dtype, shift)
    old.mul_(old_scale * factor).addcmul_(target, factor / target_sum, value=-1)


def _distillation_value(alpha, x, work, state, teacher):
    target, shift = _exp_teacher(teacher, alpha, x.dtype)
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
    target, _ = _exp_teacher(teacher, alpha, x.dtype, shift)
    old.exp_().mul_(factor / old_sum).addcmul_(target, factor / target_sum, value=-1)
    work[len(teacher) :].zero_()
