"""Regularizer that keeps clusters from running empty: Weibull's density."""

import torch
from torch import Tensor

from .checks import Variant, check_variant

__all__ = ['weibull_balance']

_LEAST = 1e-6  # added to frequencies, as in the authors' code


def weibull_balance(
    frequencies: Tensor,
    k: float = 0.3,
    lambda_: float = 1.0,
    variant: Variant = 'paper',
) -> Tensor:
    r"""Compute Weibull's density at the cluster frequencies (IDDC, eq. 7).

    .. math::
        \sum_c \frac{k}{\lambda} \left(\frac{p_c}{\lambda}\right)^{k-1}
        \exp\left(-\left(\frac{p_c}{\lambda}\right)^k\right)

    Eq. 7 has :math:`\lambda = 1`. The smaller k, the more is it an L: large where a
    cluster is empty, flat elsewhere. The code divides the frequencies by the largest
    of them and takes the mean over the clusters (``variant='official'``). To both
    1e-6 is added, so that an empty cluster still has a gradient.

    Args:
        frequencies: ``(K,)`` of :func:`~mmseg_labelfree.ops.cluster_frequencies`.
        k: Shape, above 0 and below 1. Defaults to 0.3.
        lambda_: Scale, above 0. Defaults to 1.0.
        variant: 'paper' or 'official'. Defaults to 'paper'.

    Returns:
        Scalar.

    Raises:
        ValueError: ``variant`` is unknown.

    Example:
        >>> weibull_balance(torch.tensor([0.5, 0.5]))
        tensor(0.4326)
        >>> weibull_balance(torch.tensor([0.99, 0.01]))
        tensor(5.9728)
    """
    check_variant(variant)
    if variant == 'official':
        frequencies = frequencies / frequencies.max()
    x = (frequencies + _LEAST) / lambda_
    density = k / lambda_ * x ** (k - 1) * torch.exp(-(x**k))
    return density.mean() if variant == 'official' else density.sum()
