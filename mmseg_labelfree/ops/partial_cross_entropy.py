"""Cross-entropy of the labeled pixels of weakly labeled images."""

import torch
from torch import Tensor

from .label_maps import IGNORE, UNLABELED
from .unbiased_cross_entropy import unbiased_cross_entropy

__all__ = ['image_mean_weights', 'partial_cross_entropy']


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


def image_mean_weights(*kinds: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    r"""Compute the weights of pixels in a mean within each image, then over images.

    The denominators of weakly labeled images (MiB, eq. 12-13): a pixel of a kind has
    the weight 1 / (pixels of this kind in its image) / (images), so that the sum of
    weighted losses is the mean over the images of the sum over kinds of their means.

    Args:
        *kinds: Bool ``(N, H, W)`` each, the pixels of a kind.
        dtype: Of the result. Defaults to float32.

    Returns:
        Float ``(N, H, W)``, 0 for pixels of no kind.

    Example:
        >>> import torch
        >>> labeled = torch.tensor([[[True, False, False]]])
        >>> image_mean_weights(labeled, ~labeled)
        tensor([[[1.0000, 0.5000, 0.5000]]])
    """
    weight = kinds[0].new_zeros(kinds[0].shape, dtype=dtype)
    for kind in kinds:
        weight += kind.to(dtype) / kind.sum((1, 2), keepdim=True).clamp_(min=1)
    return weight / len(weight)
