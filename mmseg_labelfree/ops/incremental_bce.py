"""Binary cross-entropies of the classes with the ground truth of a step."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from .checks import Variant, check_logits, check_old_classes, check_variant
from .probabilities import full_precision

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
    6.2.1 of https://arxiv.org/abs/2201.13338), in which each class is a binary problem
    with probability :math:`\sigma(x_c)`. With :math:`y_c = 1` for the labeled class
    and 0 otherwise, a pixel costs

    .. math::
        -\sum_{c \in D} y_c \log \sigma(x_c) + (1 - y_c) \log(1 - \sigma(x_c)) .

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
    counted = label != ignore_index
    hit = counted & ((label == 0) | (label >= first_new))
    x = full_precision(logits)
    if first_new > 1:  # what has no gradient costs no logarithm
        x = torch.cat([x[:, :1], x[:, first_new:]], 1)
    index = (label.long() - (first_new - 1)).clamp_(min=0)
    one_hot = torch.zeros_like(x, dtype=torch.bool).scatter_(
        1, index.masked_fill(~hit, 0)[:, None], hit[:, None]
    )
    log_p = logsigmoid(torch.where(one_hot, x, -x))  # 1 - sigma(x) is sigma(-x)
    loss = -log_p[:, 0] - log_p[:, 1:].sum(1)
    return torch.where(counted, loss, 0)
