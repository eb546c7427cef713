"""Regularisers of the cluster frequencies: Weibull's density and the entropy."""

from typing import Literal

import torch
from torch import Tensor

from .collectives import mean_over_processes

__all__ = ['cluster_frequencies', 'entropy_balance', 'weibull_balance']

_LEAST = 1e-6  # added to frequencies, as in the authors' code


def cluster_frequencies(probabilities: Tensor) -> Tensor:
    """Mean probability of each cluster over all pixels of all processes.

    Every process must call it, with equally many pixels. DDP averages gradients over
    the processes, so each process gets the derivative by its own pixels as if they
    were all: the average is that of the whole batch.

    Args:
        probabilities: ``(N, K, ...)``.

    Returns:
        ``(K,)``, sums to 1; float32, or float64 for such an input.
    """
    if probabilities.dtype != torch.float64:
        probabilities = probabilities.float()
    return mean_over_processes(probabilities.movedim(1, 0).flatten(1).mean(1))


def weibull_balance(
    frequencies: Tensor,
    k: float = 0.3,
    lambda_: float = 1.0,
    variant: Literal['paper', 'official'] = 'paper',
) -> Tensor:
    r"""Weibull's density at the cluster frequencies, IDDC eq. 7.

    .. math::
        \sum_c \frac{k}{\lambda} \left(\frac{p_c}{\lambda}\right)^{k-1}
        \exp\left(-\left(\frac{p_c}{\lambda}\right)^k\right)

    Eq. 7 has :math:`\lambda = 1`. The smaller k, the more is it an L: large where a
    cluster is empty, flat elsewhere. The code divides the frequencies by the largest
    of them and takes the mean over the clusters (``variant='official'``). To both
    1e-6 is added, so that an empty cluster still has a gradient.

    Args:
        frequencies: ``(K,)`` of :func:`cluster_frequencies`.
        k: Shape, above 0 and below 1.
        lambda_: Scale, above 0.
        variant: 'paper' or 'official'.

    Returns:
        Scalar.
    """
    if variant == 'official':
        frequencies = frequencies / frequencies.max()
    x = (frequencies + _LEAST) / lambda_
    density = k / lambda_ * x ** (k - 1) * torch.exp(-(x**k))
    return density.mean() if variant == 'official' else density.sum()


def entropy_balance(frequencies: Tensor) -> Tensor:
    r"""Negative entropy of the cluster frequencies in nats, IDDC eq. 6.

    .. math:: \sum_c p_c \log p_c

    The regulariser of earlier discriminative clustering: least for clusters of one
    size. To the frequency in the logarithm 1e-6 is added.

    Args:
        frequencies: ``(K,)`` of :func:`cluster_frequencies`.

    Returns:
        Scalar, -log K to 0.
    """
    return (frequencies * (frequencies + _LEAST).log()).sum()
