"""Cross-entropy in both directions, for labels that may be wrong."""

import math

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from .checks import check_label, check_logits
from .probabilities import full_precision

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
    x, index = full_precision(logits), label.long()
    log_p = -cross_entropy(x, index, ignore_index=ignore_index, reduction='none')
    # 1 - p by expm1: exact where p is near 1.
    return -xi1 * log_p + xi2 * math.log(least) * torch.expm1(log_p)
