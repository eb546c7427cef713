"""Entropy of the predicted class distribution of each pixel."""

import torch
from torch import Tensor

from .pixel_loss import PixelLoss, fused_pixel_loss

__all__ = ['softmax_entropy']

# exp of it is 0 in float32 and float64, and so is its product with that 0: logits of
# minus infinity then have no share in the entropy instead of making it NaN.
_FLOOR = -1000.0


def softmax_entropy(logits: Tensor) -> Tensor:
    r"""Compute the entropy of the softmax of the logits (U2PL+, eq. 11).

    .. math:: H = -\sum_c p_c \log p_c = \log \sum_c e^{x_c} - \sum_c p_c x_c

    It needs about one more tensor of the size of the logits, and only where a gradient
    is asked for (:math:`\partial H / \partial x_c = -p_c (\log p_c + H)`). Divide by
    ``log(C)`` for a share of the largest possible value.

    Args:
        logits: Floating point ``(N, C, H, W)``, any precision. N may be 0.

    Returns:
        ``(N, H, W)`` in nats, 0 to log(C), float32 (float64 for float64).

    Raises:
        ValueError: The logits are not a floating point ``(N, C, H, W)``.

    Example:
        >>> softmax_entropy(torch.zeros(1, 4, 1, 1)).exp()
        tensor([[[4.]]])
    """
    if logits.dim() == 4 and not len(logits):
        return logits.sum(1).float()
    return fused_pixel_loss(logits, _ENTROPY)


def _value(x: Tensor, work: Tensor, state: Tensor) -> Tensor:
    top = x.amax(0)
    torch.sub(x, top, out=work).clamp_(min=_FLOOR)
    power = work.exp()
    total = power.sum(0)
    mean = power.mul_(work).sum(0) / total
    log_total = total.log_()
    entropy = (log_total - mean).clamp_(min=0)
    state[0] = top + log_total
    state[1] = entropy
    return entropy


def _gradient(x: Tensor, work: Tensor, state: Tensor, factor: Tensor) -> None:
    log_sum, entropy = state
    torch.sub(x, log_sum, out=work).clamp_(min=_FLOOR)
    power = work.exp()
    work.add_(entropy).mul_(power).mul_(-factor)


_ENTROPY = PixelLoss(_value, _gradient, num_state=2)
