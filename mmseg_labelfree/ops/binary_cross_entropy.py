r"""Losses of one binary classifier per class (LwF-MC).

LwF-MC, a baseline of Modeling the Background (MiB, section 6.2.1,
https://arxiv.org/abs/2002.00718), treats each class as a binary problem with
probability :math:`\sigma(x_c)`. Classes are numbered as in
:mod:`mmseg_labelfree.ops.incremental`: background and old ones
``0 .. num_old_classes - 1``, new ones from ``num_old_classes`` on.

Both losses are sums of :math:`\mathrm{softplus}(\pm x) = \log(1 + e^{\pm x})`, all
terms positive: no logarithm of a probability that may round to zero, and no
difference of large numbers.
"""

from functools import partial
from typing import Literal

import torch
from torch import Tensor

from .incremental import check_distillation, check_old_classes
from .pixel_loss import PixelLoss, check_logits, fused_pixel_loss


def incremental_binary_cross_entropy(
    logits: Tensor,
    label: Tensor,
    num_old_classes: int = 1,
    variant: Literal['paper', 'official'] = 'paper',
    ignore_index: int = 255,
) -> Tensor:
    r"""Sum over classes of the binary cross-entropies with the one-hot label.

    With :math:`y_c = 1` for the labelled class and 0 otherwise, a pixel costs

    .. math::
        -\sum_{c \in D} y_c \log \sigma(x_c) + (1 - y_c) \log(1 - \sigma(x_c)) .

    Args:
        logits (Tensor): Logits ``(N, C, H, W)``, floating point.
        label (Tensor): Class indices ``(N, H, W)``, an integer dtype. Every value
            is below C or equal to ``ignore_index``.
        num_old_classes (int): Number of classes known before this step, background
            included, ``1 <= num_old_classes < C``; 1 in the first step.
        variant (str): Which classes D the sum runs over. 'paper': those that the
            ground truth of the step speaks of, background and the new classes;
            the logits of old classes get a zero gradient. 'official', the authors'
            code: all classes, so every pixel also says that it is no old class
            (unless it is labelled one).
        ignore_index (int): Pixels of this label cost nothing and have a zero
            gradient. Defaults to 255.

    Returns:
        Tensor: Loss of each pixel ``(N, H, W)`` in nats, float32 (float64 for
        float64 logits), summed over classes and not averaged.

    Raises:
        ValueError: If shapes or dtypes disagree, ``num_old_classes`` is out of range or
            ``variant`` is unknown.

    Example:
        >>> label = torch.tensor([[[0, 2]]])
        >>> loss = incremental_binary_cross_entropy(torch.zeros(1, 3, 1, 2), label)
        >>> (loss / 3).exp()
        tensor([[[2., 2.]]])
    """
    check_logits(logits)
    check_old_classes(label, logits, num_old_classes)
    if variant not in ('paper', 'official'):
        raise ValueError(f"variant must be 'paper' or 'official', got {variant!r}")
    first_new = num_old_classes if variant == 'paper' else 1
    pixel_loss = PixelLoss(
        partial(_hard_value, first_new, ignore_index),
        partial(_hard_gradient, first_new, ignore_index),
        num_state=0,
    )
    return fused_pixel_loss(logits, pixel_loss, label)


def binary_distillation(
    student_logits: Tensor,
    teacher_logits: Tensor,
    alpha: float = 1.0,
    class_average: bool = False,
) -> Tensor:
    r"""Binary cross-entropies between the teacher's and the student's probabilities.

    With :math:`t_c = \sigma(\alpha z_c)` of the teacher's logits z, a pixel costs
    :math:`-\sum_{c<K} t_c \log \sigma(x_c) + (1 - t_c) \log(1 - \sigma(x_c))`. The
    logits of new classes have a zero gradient.

    Args:
        student_logits (Tensor): Logits ``(N, C, H, W)`` of the model in training.
        teacher_logits (Tensor): Logits ``(N, K, H, W)`` of the model before this
            step, ``2 <= K <= C``. Receives no gradient.
        alpha (float): Factor on the teacher's logits; the authors' code has none.
        class_average (bool): Divide by K. False is the sum, which is what the authors'
            code arrives at by multiplying a mean by K; the published weight of 10
            refers to that. Defaults to False.

    Returns:
        Tensor: Loss of each pixel ``(N, H, W)`` in nats (per class if averaged),
        float32 (float64 for float64 logits).

    Raises:
        ValueError: If the shapes do not fit or ``alpha`` is not positive.
    """
    num_old_classes = check_distillation(student_logits, teacher_logits, alpha)
    pixel_loss = PixelLoss(
        partial(_soft_value, alpha), partial(_soft_gradient, alpha), num_state=0
    )
    loss = fused_pixel_loss(student_logits, pixel_loss, teacher_logits)
    return loss / num_old_classes if class_average else loss


def _softplus(x, out):
    """log(1 + exp(x)), exact in both tails unlike functional.softplus."""
    return torch.logaddexp(x, x.new_zeros(()), out=out)


def _parts(first_new):
    """Rows of the classes in the sum."""
    if first_new == 1:
        return (slice(None),)
    return slice(0, 1), slice(first_new, None)


def _hits(first_new, ignore_index, label):
    """Whether the labelled class is in the sum, and its row (0 if it is not)."""
    hit = (label == 0) | (label >= first_new)
    hit &= label != ignore_index
    return hit, label.long().masked_fill(~hit, 0).unsqueeze(0)


def _hard_value(first_new, ignore_index, x, work, state, label):
    hit, index = _hits(first_new, ignore_index, label)
    own = x.gather(0, index)
    loss = torch.zeros_like(own[0])
    for rows in _parts(first_new):
        work[rows] = x[rows]
    # The labelled class wants softplus(-x), all others softplus(x).
    work.scatter_(0, index, torch.where(hit, -own, own))
    for rows in _parts(first_new):
        loss = loss + _softplus(work[rows], out=work[rows]).sum(0)
    return loss.masked_fill_(label == ignore_index, 0)


def _hard_gradient(first_new, ignore_index, x, work, state, factor, label):
    hit, index = _hits(first_new, ignore_index, label)
    own = x.gather(0, index)
    factor = factor * (label != ignore_index)
    work[1:first_new].zero_()
    for rows in _parts(first_new):
        torch.sigmoid(x[rows], out=work[rows])
    work.scatter_(0, index, torch.where(hit, -(-own).sigmoid_(), own.sigmoid()))
    for rows in _parts(first_new):
        work[rows].mul_(factor)


def _soft_value(alpha, x, work, state, teacher):
    x, work = x[: len(teacher)], work[: len(teacher)]
    # log(1 + exp(-|x|)) plus |x| times the probability of the less likely answer.
    other = torch.sign(x).mul_(teacher).mul_(-alpha).sigmoid_()
    torch.abs(x, out=work)
    loss = other.mul_(work).sum(0)
    return loss.add_(_softplus(work.neg_(), out=work).sum(0))


def _soft_gradient(alpha, x, work, state, factor, teacher):
    old = work[: len(teacher)]
    torch.sigmoid(x[: len(teacher)], out=old)
    teacher = teacher.to(x.dtype)
    old.sub_((teacher * alpha).sigmoid_()).mul_(factor)
    work[len(teacher) :].zero_()
