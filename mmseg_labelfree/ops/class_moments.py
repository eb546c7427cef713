r"""Mean and variance of the features of each class, of all that was ever seen.

The distributions of SePiCo (https://arxiv.org/abs/2204.08808), whose classes are
Gaussians with a diagonal covariance.
"""

import torch
from torch import Tensor

from .collectives import sum_over_processes
from .feature_bank import finite_rows
from .probabilities import full_precision
from .prototypes import class_means

__all__ = ['class_moments', 'merge_moments_']


@torch.no_grad()
def class_moments(
    features: Tensor, labels: Tensor, num_classes: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute number, mean and variance of the features of each class of a batch.

    Over the batches of all processes, which all must call this. Pixels whose feature is
    not finite do not count. Squares are those of the differences from the mean, so that
    float32, which every device has, is enough.

    Args:
        features: ``(N, D, h, w)``, any precision.
        labels: int64 ``(N, h, w)``; pixels with a label that is no class (255) are in
            no class.
        num_classes: C.

    Returns:
        Numbers of pixels ``(C,)``, int64; means ``(C, D)`` and variances ``(C, D)``,
        the latter with the number of pixels in the denominator, float32 (float64 for
        float64). Both are 0 for classes without a pixel.

    Example:
        >>> features = torch.tensor([1.0, 3.0, 9.0]).view(1, 1, 1, 3)
        >>> class_moments(features, torch.tensor([[[0, 0, 255]]]), num_classes=1)
        (tensor([2]), tensor([[2.]]), tensor([[1.]]))
    """
    means, counts = class_means(features, labels, num_classes)
    classes = torch.arange(num_classes, device=labels.device)[:, None]
    with torch.autocast(features.device.type, enabled=False):
        rows = full_precision(features.detach()).movedim(1, -1).flatten(0, 2)
        label = labels.flatten()
        counted = (label < num_classes) & finite_rows(rows)
        gaps = rows - means[label.where(counted, 0)]
        squares = gaps.where(counted[:, None], 0).square_()
        sums = (label == classes).to(rows.dtype) @ squares
    variances = sum_over_processes(sums) / counts.clamp(min=1)[:, None]
    return counts, means, variances


@torch.no_grad()
def merge_moments_(
    counts: Tensor,
    means: Tensor,
    variances: Tensor,
    new_counts: Tensor,
    new_means: Tensor,
    new_variances: Tensor,
) -> None:
    r"""Add the moments of further samples to those of earlier ones, in place.

    With w the share of the new samples of a class, the moments of all are

    .. math::
        \mu = \mu_0 + w (\mu_1 - \mu_0), \quad
        \Sigma = (1 - w) \Sigma_0 + w \Sigma_1 + w (1 - w) (\mu_1 - \mu_0)^2

    Nothing is ever forgotten.

    Args:
        counts: Numbers of the earlier samples ``(C,)``, int64.
        means: Their means ``(C, D)``.
        variances: Their variances ``(C, D)``.
        new_counts: As :func:`class_moments` returns them.
        new_means: As there.
        new_variances: As there.

    Example:
        >>> counts = torch.tensor([3])
        >>> means, variances = torch.tensor([[1.0]]), torch.tensor([[0.0]])
        >>> new = torch.tensor([1]), torch.tensor([[5.0]]), torch.tensor([[0.0]])
        >>> merge_moments_(counts, means, variances, *new)
        >>> counts, means, variances  # of 1, 1, 1 and 5
        (tensor([4]), tensor([[2.]]), tensor([[3.]]))
    """
    counts += new_counts
    share = (new_counts.to(means.dtype) / counts.clamp(min=1))[:, None]
    gaps = new_means - means
    means += share * gaps
    variances.lerp_(new_variances, share)
    variances += share * (1 - share) * gaps.square()
