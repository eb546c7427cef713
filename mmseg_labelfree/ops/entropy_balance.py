"""Regularizer that makes clusters equally frequent: the negative entropy."""

from torch import Tensor

__all__ = ['entropy_balance']

_LEAST = 1e-6  # added to the frequency in the logarithm, as in the authors' code


def entropy_balance(frequencies: Tensor) -> Tensor:
    r"""Compute the negative entropy of the cluster frequencies (IDDC, eq. 6).

    .. math:: \sum_c p_c \log p_c

    The regularizer of earlier discriminative clustering: least for clusters of one
    size. To the frequency in the logarithm 1e-6 is added.

    Args:
        frequencies: ``(K,)`` of :func:`~mmseg_labelfree.ops.cluster_frequencies`.

    Returns:
        Scalar in nats, -log K to 0.

    Example:
        >>> import torch
        >>> entropy_balance(torch.tensor([0.5, 0.5]))
        tensor(-0.6931)
    """
    return (frequencies * (frequencies + _LEAST).log()).sum()
