"""Binary cross-entropies of the classes with the ground truth of a step."""

from functools import partial

import torch
from torch import Tensor

from .checks import Variant, check_logits, check_old_classes, check_variant
from .pixel_loss import (
    PixelLoss,
    fused_pixel_loss,
    softplus,
)

__all__ = ['incremental_bce']


def incremental_bce(
    logits: Tensor,
    label: Tensor,
    num_old_classes: int = 1,
    variant: Variant = 'paper',
    ignore_index: int = 255,
) -> Tensor:
    r"""Compute the binary cross-entropies of the classes with the one-hot label.

    The ground-truth part of LwF-MC, a baseline of Modeling the Background (section
    6.2.1 of https://arxiv.org/abs/2002.00718), in which each class is a binary problem
    with probability :math:`\sigma(x_c)`. With :math:`y_c = 1` for the labeled class
    and 0 otherwise, a pixel costs

    .. math::
        -\sum_{c \in D} y_c \log \sigma(x_c) + (1 - y_c) \log(1 - \sigma(x_c)) .

    It is a sum of :math:`\log(1 + e^{\pm x})`, all terms positive: no logarithm of a
    probability that may round to zero, and no difference of large numbers.

    Args:
        logits: Floating point ``(N, C, H, W)``, any precision.
        label: Class indices ``(N, H, W)``, an integer dtype, below C or
            ``ignore_index``.
        num_old_classes: Number of classes known before this step, background
            included, ``1 <= num_old_classes < C``. Defaults to 1, the first step.
        variant: Which classes D the sum runs over. 'paper': those that the ground
            truth of the step speaks of, background and the new classes; the logits of
            old classes get a zero gradient. 'official', the authors' code: all
            classes, so every pixel also says that it is no old class (unless it is
            labeled one).
        ignore_index: Pixels of this label cost nothing and have a zero gradient.
            Defaults to 255.

    Returns:
        ``(N, H, W)`` in nats, float32 (float64 for float64), summed over classes and
        not averaged.

    Raises:
        ValueError: Shapes or dtypes disagree, ``num_old_classes`` is out of range or
            ``variant`` is unknown.

    Example:
        >>> label = torch.tensor([[[0, 2]]])
        >>> (incremental_bce(torch.zeros(1, 3, 1, 2), label) / 3).exp()
        tensor([[[2., 2.]]])
    """
    check_logits(logits)
    check_old_classes(label, logits, num_old_classes)
    check_variant(variant)
    first_new = num_old_classes if variant == 'paper' else 1
    pixel_loss = PixelLoss(
        partial(_hard_value, first_new, ignore_index),
        partial(_hard_gradient, first_new, ignore_index),
        num_state=0,
    )
    return fused_pixel_loss(logits, pixel_loss, label)


def _parts(first_new):
    """Rows of the classes in the sum."""
    if first_new == 1:
        return (slice(None),)
    return slice(0, 1), slice(first_new, None)


def _hits(first_new, ignore_index, label):
    """Whether the labeled class is in the sum, and its row (0 if it is not)."""
    hit = (label == 0) | (label >= first_new)
    hit &= label != ignore_index
    return hit, label.long().masked_fill(~hit, 0).unsqueeze(0)


def _hard_value(first_new, ignore_index, x, work, state, label):
    hit, index = _hits(first_new, ignore_index, label)
    own = x.gather(0, index)
    loss = torch.zeros_like(own[0])
    for rows in _parts(first_new):
        work[rows] = x[rows]
    # The labeled class wants softplus(-x), all others softplus(x).
    work.scatter_(0, index, torch.where(hit, -own, own))
    for rows in _parts(first_new):
        loss = loss + softplus(work[rows], out=work[rows]).sum(0)
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
