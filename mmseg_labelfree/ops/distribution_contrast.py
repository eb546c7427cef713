r"""Contrast of pixels with the distributions of the classes: SePiCo.

https://arxiv.org/abs/2204.08808; the form is that of its authors' code.
"""

import math

import torch
from torch import Tensor

from .collectives import num_processes, sum_over_processes
from .probabilities import full_precision

__all__ = ['distribution_contrast', 'mean_feature_regularizer']


def distribution_contrast(
    features: Tensor,
    labels: Tensor,
    means: Tensor,
    variances: Tensor | None = None,
    temperature: float = 100.0,
) -> Tensor:
    r"""Compute the cross-entropy of pixels to Gaussian classes (SePiCo, DistCL).

    .. math::
        \log \sum_c \exp \Big( \frac{z \cdot \mu_c}{T}
        + \frac{z^2 \cdot \Sigma_c}{2 T^2} \Big) - \frac{z \cdot \mu_y}{T}

    with :math:`z^2` the squares of the components of z and y the label. It bounds the
    contrast with infinitely many samples of each class: the exponential of
    :math:`z \cdot x / T` has that mean for a Gaussian x. The variance of the own class
    is in the sum alone. A class with mean and variance 0, one that was never seen, is
    in it as well.

    Each process returns its part such that the mean over the processes is the mean over
    the labeled pixels of all of them. Computed in float32 (float64 for float64).

    Args:
        features: z, unit vectors ``(N, D, h, w)``.
        labels: int64 ``(N, h, w)``, 255 = no part of the loss. Every process must call
            this, with labels or without.
        means: ``(C, D)``, no gradient goes there.
        variances: ``(C, D)``; None for 0, which leaves the contrast with the means
            alone (ProtoCL).
        temperature: T. With unit vectors 100 keeps all logits within a few
            hundredths, so that the loss stays near the logarithm of C.

    Returns:
        A scalar, attached to the features; 0 without any labeled pixel.

    Example:
        >>> features = torch.tensor([[1.0], [0.0]]).view(1, 2, 1, 1)
        >>> label = torch.zeros(1, 1, 1, dtype=torch.long)
        >>> distribution_contrast(features, label, torch.eye(2), temperature=1.0)
        tensor(0.3133)
    """
    with torch.autocast(features.device.type, enabled=False):
        rows = full_precision(features).flatten(2)
        means = means.to(rows.dtype)
        label = labels.flatten(1)
        counted = label != 255
        alike = torch.matmul(means / temperature, rows)
        own = alike.gather(1, label.where(counted, 0)[:, None])[:, 0]
        logits = alike
        if variances is not None:
            spread = variances.to(rows.dtype) / (2 * temperature**2)
            logits = alike + torch.matmul(spread, rows.square())
        loss = (logits.logsumexp(1) - own) * counted
    total = sum_over_processes(counted.sum())
    return loss.sum() * num_processes() / total.clamp(min=1)


def mean_feature_regularizer(
    features: Tensor, labels: Tensor, means: Tensor, temperature: float = 100.0
) -> Tensor:
    r"""Compute how near the mean feature is to all classes alike (SePiCo's code).

    .. math::
        \frac{1}{C \log C} \sum_c \log
        \frac{\exp(\bar z \cdot \mu_c / T)}{\sum_k \exp(\bar z \cdot \mu_k / T)}

    with :math:`\bar z` the mean over the labeled pixels of all processes. It is -1 for
    a mean equally near to all classes, and *falls* with the distance from that: this is
    the sign of the authors' code, which has no lower bound.

    Args:
        features: As for :func:`distribution_contrast`.
        labels: As there; every process must call this.
        means: ``(C, D)`` of at least two classes.
        temperature: T.

    Returns:
        A scalar, attached to the features; 0 without any labeled pixel. The mean of its
        gradients over the processes is that by all features.

    Example:
        >>> features = torch.tensor([[1.0], [0.0]]).view(1, 2, 1, 1)
        >>> label = torch.zeros(1, 1, 1, dtype=torch.long)
        >>> means = torch.ones(3, 2)
        >>> mean_feature_regularizer(features, label, means)
        tensor(-1.)
    """
    with torch.autocast(features.device.type, enabled=False):
        rows = full_precision(features)
        counted = labels != 255
        own = (rows * counted[:, None]).sum((0, 2, 3))
        number = sum_over_processes(counted.sum())
        every = sum_over_processes(own.detach().clone())
        # The value is that of all processes, the gradient of each is its own part.
        mean = every + num_processes() * (own - own.detach())
        mean = mean / number.clamp(min=1)
        similar = (means.to(mean.dtype) @ mean / temperature).log_softmax(0)
    size = len(means)
    return similar.sum() / (size * math.log(size)) * (number > 0)
