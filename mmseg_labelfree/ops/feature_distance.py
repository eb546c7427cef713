r"""Distance of features to those of a frozen encoder: DAFormer, section 3.3.

https://arxiv.org/abs/2111.14887
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .collectives import num_processes, sum_over_processes
from .probabilities import full_precision

__all__ = ['feature_distance', 'majority_labels', 'shrink_labels']

_NUM_LABELS = 256


@torch.no_grad()
def majority_labels(
    labels: Tensor,
    factor: Sequence[int],
    min_share: float = 0.75,
    ignore_index: int = 255,
) -> Tensor:
    """Shrink label maps to the most frequent label of each window.

    As DAFormer's code does (section 3.3): ``ignore_index`` counts like a class, ties
    go to the lower label, and rows and columns beyond a multiple of the factor are
    dropped.

    Args:
        labels: Integer ``(N, H, W)``, each below 256.
        factor: Height and width of a window in pixels.
        min_share: Least share of the window's pixels with its label, 0 to 1; a window
            that has less gets ``ignore_index``.
        ignore_index: Label that is no class.

    Returns:
        int64 ``(N, H // factor[0], W // factor[1])``.

    Example:
        >>> labels = torch.tensor([[[3, 3, 7, 3], [3, 3, 7, 3]]])
        >>> majority_labels(labels, factor=(2, 2))
        tensor([[[  3, 255]]])
    """
    rows, columns = factor
    num, height, width = (
        len(labels),
        labels.shape[1] // rows,
        labels.shape[2] // columns,
    )
    windows = labels[:, : height * rows, : width * columns].long()
    windows = windows.reshape(num, height, rows, width, columns).transpose(2, 3)
    windows = windows.reshape(num, height, width, rows * columns)
    counts = windows.new_zeros(num, height, width, _NUM_LABELS)
    counts.scatter_add_(3, windows, torch.ones_like(windows))
    most, label = counts.max(3)
    return label.where(most >= min_share * (rows * columns), ignore_index)


def shrink_labels(
    labels: Tensor, size: Sequence[int], min_share: float, ignore_index: int = 255
) -> Tensor:
    """Shrink label maps to the positions of a feature map.

    A position's window is as large as the stride: a feature map of 65 rows for 513
    rows of pixels, as padded convolutions make it, has windows of 8. Where the windows
    reach beyond the image, these pixels have ``ignore_index``.

    Args:
        labels: Integer ``(N, H, W)``, each below 256.
        size: h and w of the feature map.
        min_share: As for :func:`majority_labels`.
        ignore_index: As for :func:`majority_labels`.

    Returns:
        int64 ``(N, h, w)``.

    Example:
        >>> labels = torch.tensor([[[3, 3, 3, 3, 7]]])
        >>> shrink_labels(labels, (1, 3), min_share=0.5)
        tensor([[[3, 3, 7]]])
    """
    factor = [-(-pixels // n) for pixels, n in zip(labels.shape[1:], size, strict=True)]
    bottom, right = (
        n * step - pixels
        for n, step, pixels in zip(size, factor, labels.shape[1:], strict=True)
    )
    padded = F.pad(labels, (0, right, 0, bottom), value=ignore_index)
    return majority_labels(padded, factor, min_share, ignore_index)


def feature_distance(features: Tensor, frozen: Tensor, mask: Tensor) -> Tensor:
    r"""Compute the mean distance of features at the marked positions (DAFormer, FD).

    .. math:: \frac{\sum_j m_j \lVert f_j - g_j \rVert_2}{\sum_j m_j}

    Each process returns its part such that the mean over the
    processes is the mean over the positions of all of them.

    Args:
        features: Of the student ``(N, C, h, w)``; computed in float32 (float64 for
            float64).
        frozen: Of the frozen encoder, of the same shape; without gradient.
        mask: Bool ``(N, h, w)``. Every process must call this, with positions or
            without.

    Returns:
        A scalar, attached to the features; 0 without any position.

    Example:
        >>> features = torch.tensor([[3.0, 1.0], [4.0, 1.0]]).view(1, 2, 1, 2)
        >>> mask = torch.tensor([[[True, False]]])
        >>> feature_distance(features, torch.zeros(1, 2, 1, 2), mask)
        tensor(5.)
    """
    exact = full_precision(features) - frozen.detach()
    distance = torch.linalg.vector_norm(exact, dim=1)
    total = sum_over_processes(mask.sum())
    return (distance * mask).sum() * num_processes() / total.clamp(min=1)
