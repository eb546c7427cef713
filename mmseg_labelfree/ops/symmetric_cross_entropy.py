"""Cross-entropy in both directions, for labels that may be wrong."""

import math
from functools import partial

import torch
from torch import Tensor

from .checks import check_label, check_logits
from .pixel_loss import PixelLoss, fused_pixel_loss

__all__ = ['symmetric_cross_entropy']


def symmetric_cross_entropy(
    logits: Tensor,
    label: Tensor,
    xi1: float = 1.0,
    xi2: float = 0.5,
    least: float = 1e-4,
    ignore_index: int = 255,
) -> Tensor:
    r"""Compute the symmetric cross-entropy of each pixel (U2PL+, eq. 4).

    .. math:: \xi_1 \ell_{ce}(p, y) + \xi_2 \ell_{ce}(y, p)
        = -\xi_1 \log p_y - \xi_2 A (1 - p_y)

    The second, reverse term :math:`-\sum_c p_c \log y_c` has the logarithm of the
    one-hot label; its zeros count as ``least``, so that each class other than y costs
    :math:`-A = -\log(least)`. Unlike the first term it is bounded: a label that is
    surely wrong pulls no harder than others. Wang et al., Symmetric Cross Entropy
    (https://arxiv.org/abs/1908.06112); U2PL+, https://arxiv.org/abs/2306.02314.

    Args:
        logits: Floating point ``(N, C, H, W)``, any precision.
        label: Class indices ``(N, H, W)``, an integer dtype, below C or
            ``ignore_index``.
        xi1: Weight of the cross-entropy. Defaults to 1.0.
        xi2: Weight of the reverse term. Defaults to 0.5.
        least: Value of a class that is not the label, above 0 and below 1. Defaults to
            1e-4 (A = -9.21), as in ProDA (https://arxiv.org/abs/2101.10979), from
            which U2PL+ has the weights; the paper does not say.
        ignore_index: Pixels of this label cost nothing. Defaults to 255.

    Returns:
        ``(N, H, W)`` in nats, float32 (float64 for float64), not averaged.

    Raises:
        ValueError: Shapes or dtypes disagree or ``least`` is out of range.

    Example:
        >>> label = torch.zeros(1, 1, 1, dtype=torch.long)
        >>> symmetric_cross_entropy(torch.zeros(1, 2, 1, 1), label, 0.0, 1.0)
        tensor([[[4.6052]]])
    """
    check_logits(logits)
    check_label(label, logits)
    if not 0 < least < 1:
        raise ValueError(f'least must be above 0 and below 1, got {least}')
    weights = (xi1, -xi2 * math.log(least))
    pixel_loss = PixelLoss(
        partial(_value, weights, ignore_index),
        partial(_gradient, weights, ignore_index),
        num_state=1,
    )
    return fused_pixel_loss(logits, pixel_loss, label)


def _log_p(x: Tensor, log_sum: Tensor, label: Tensor) -> Tensor:
    return x.gather(0, label[None])[0] - log_sum


def _value(weights, ignore_index, x, work, state, label):
    used = label != ignore_index
    top = x.amax(0)
    log_sum = torch.sub(x, top, out=work).exp_().sum(0).log_().add_(top)
    state[0] = log_sum
    log_p = _log_p(x, log_sum, label.long().where(used, 0))
    # 1 - p by expm1: exact where p is near 1.
    loss = -weights[0] * log_p - weights[1] * torch.expm1(log_p)
    return loss.where(used, 0)


def _gradient(weights, ignore_index, x, work, state, factor, label):
    used = label != ignore_index
    label = label.long().where(used, 0)
    log_sum = state[0]
    p = _log_p(x, log_sum, label).exp_()
    # Both terms have the direction softmax - one-hot.
    scale = (weights[0] + weights[1] * p).mul_(factor).where(used, 0)
    torch.sub(x, log_sum, out=work).exp_().mul_(scale)
    work.scatter_add_(0, label[None], -scale[None])
