"""Entropy of the predicted class distribution of each pixel."""

from torch import Tensor

from .probabilities import full_precision

__all__ = ['softmax_entropy']

# exp of it is 0 in float32 and float64, and so is its product with that 0: logits of
# minus infinity then have no share in the entropy instead of making it NaN.
FLOOR = -1000.0


def softmax_entropy(logits: Tensor) -> Tensor:
    r"""Compute the entropy of the softmax of the logits (U2PL+, eq. 11).

    .. math:: H = -\sum_c p_c \log p_c = \log \sum_c e^{x_c} - \sum_c p_c x_c

    Divide by ``log(C)`` for a share of the largest possible value.

    Args:
        logits: Floating point ``(N, C, H, W)``, any precision. N may be 0.

    Returns:
        ``(N, H, W)`` in nats, 0 to log(C), float32 (float64 for float64).

    Raises:
        ValueError: The logits are not a floating point ``(N, C, H, W)``.

    Example:
        >>> import torch
        >>> softmax_entropy(torch.zeros(1, 4, 1, 1)).exp()
        tensor([[[4.]]])
    """
    if logits.dim() != 4 or not logits.is_floating_point():
        raise ValueError(
            'logits must be a floating point tensor (N, C, H, W), got '
            f'{logits.dtype} of shape {tuple(logits.shape)}'
        )
    log_p = full_precision(logits).log_softmax(1).clamp(min=FLOOR)
    return -(log_p.exp() * log_p).sum(1)
