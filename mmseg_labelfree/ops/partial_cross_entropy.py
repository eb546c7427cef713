"""Cross-entropy of the labeled pixels of weakly labeled images."""

from torch import Tensor

from .label_maps import IGNORE, UNLABELED
from .unbiased_cross_entropy import unbiased_cross_entropy

__all__ = ['mean_over_images', 'partial_cross_entropy']


def partial_cross_entropy(
    logits: Tensor,
    label: Tensor,
    unlabeled_index: int = UNLABELED,
    ignore_index: int = IGNORE,
) -> Tensor:
    r"""Compute the cross-entropy of each labeled pixel (MiB, eq. 12).

    A pixel of class c costs :math:`-\log q_c`, an unlabeled one nothing.

    Args:
        logits: Floating point ``(N, C, H, W)``, any precision.
        label: Class indices ``(N, H, W)``, an integer dtype. Every value is below C or
            one of the two indices below.
        unlabeled_index: Label of unlabeled pixels. Defaults to 254.
        ignore_index: Label of pixels that count for nothing. Defaults to 255.

    Returns:
        ``(N, H, W)`` in nats, float32 (float64 for float64), not averaged. Pixels of
        the two indices cost nothing and have a zero gradient.

    Raises:
        ValueError: Shapes or dtypes disagree.

    Example:
        >>> import torch
        >>> label = torch.tensor([[[3, 254]]])
        >>> partial_cross_entropy(torch.zeros(1, 4, 1, 2), label).exp()
        tensor([[[4., 1.]]])
    """
    label = label.masked_fill(label == unlabeled_index, ignore_index)
    return unbiased_cross_entropy(logits, label, 1, ignore_index)


def mean_over_images(loss: Tensor, *kinds: Tensor) -> Tensor:
    r"""Average losses of pixels within each image, then over the images.

    The denominators of weakly labeled images (MiB, eq. 12-13): each kind of pixel has
    the number of its pixels in the image, and a kind that is not there the sum 0.

    Args:
        loss: Loss of each pixel ``(N, H, W)``.
        *kinds: Bool ``(N, H, W)`` each, the pixels of a kind.

    Returns:
        Mean over the N images of the sum over kinds of the means, a scalar.

    Example:
        >>> import torch
        >>> labeled = torch.tensor([[[True, False, False]]])
        >>> loss = torch.tensor([[[5.0, 1.0, 2.0]]])
        >>> mean_over_images(loss, labeled, ~labeled)
        tensor(6.5000)
    """
    means = ((loss * k).sum((1, 2)) / k.sum((1, 2)).clamp(min=1) for k in kinds)
    return sum(means, loss.new_zeros(len(loss))).mean()
