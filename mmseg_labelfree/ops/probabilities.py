"""Probabilities of classes and of groups of classes, in full precision."""

import torch
from torch import Tensor

__all__ = ['full_precision', 'log_share_within']


def full_precision(values: Tensor) -> Tensor:
    """Convert to float32, unless the values are float64: for logarithms and powers.

    Half precision has 8 or 11 significant bits, too few for a logarithm of a
    probability near 1, and float16 overflows at 65504.

    Args:
        values: Floating point, any shape.

    Returns:
        The values in float32 or float64.

    Example:
        >>> full_precision(torch.zeros(1, dtype=torch.bfloat16)).dtype
        torch.float32
    """
    return values if values.dtype == torch.float64 else values.float()


def log_share_within(group: Tensor) -> tuple[Tensor, Tensor]:
    r"""Find the most probable class of a group, and its share of the group.

    The probability of a group of classes is
    :math:`\sum_{k \in G} q_k = q_m / q_m^{(G)}` for any of its classes m, with
    :math:`q^{(G)}` the softmax within the group. Taken for the most probable one, the
    logarithm of a group whose probability rounds to zero is finite and exact, and so
    is its gradient.

    Args:
        group: Logits of the group's classes ``(N, G, H, W)``, float32 or float64.

    Returns:
        :math:`\log q_m^{(G)}` ``(N, H, W)``, and m, int64, counted within the group.

    Example:
        >>> logits = torch.zeros(1, 4, 1, 1)
        >>> log_share, _ = log_share_within(logits[:, :2])
        >>> (logits.log_softmax(1)[:, 0] - log_share).exp()  # of two of four classes
        tensor([[[0.5000]]])
    """
    log_shares = group.log_softmax(1)
    return log_shares.max(1)
