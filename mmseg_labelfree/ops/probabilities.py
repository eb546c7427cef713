"""Probabilities of classes and of groups of classes, in full precision."""

import torch
from torch import Tensor

__all__ = ['full_precision', 'log_share']


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


def log_share(logits: Tensor, group: Tensor) -> Tensor:
    r"""Compute the logarithm of the probability that a group of classes has together.

    .. math:: \log \sum_{k \in G} q_k = \log \sum_{k \in G} e^{x_k}
        - \log \sum_k e^{x_k}

    Each sum is taken relative to its own largest term, so that a group whose
    probability rounds to zero has a finite logarithm and an exact gradient.

    Args:
        logits: Of all classes, ``(N, C, H, W)``, float32 or float64.
        group: Those of the group, ``(N, G, H, W)``.

    Returns:
        ``(N, H, W)``, at most 0.

    Example:
        >>> logits = torch.zeros(1, 4, 1, 1)
        >>> log_share(logits, logits[:, :2]).exp()
        tensor([[[0.5000]]])
    """
    top, group_top = logits.detach().amax(1), group.detach().amax(1)
    within = (group - group_top[:, None]).logsumexp(1)
    return (group_top - top) + (within - (logits - top[:, None]).logsumexp(1))
