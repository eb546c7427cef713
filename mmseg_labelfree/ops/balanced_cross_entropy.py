"""Weights that make background and objects equally important."""

import torch
from torch import Tensor

from .label_maps import IGNORE

__all__ = ['balanced_weights']


def balanced_weights(
    label: Tensor,
    ignore_index: int = IGNORE,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Compute the weights of pixels in the mean of background's and objects' means.

    A pixel of background has the weight 1 / 2 / (pixels of background in the batch),
    one of an object 1 / 2 / (pixels of objects in the batch). A kind that the batch
    lacks counts as 0, so the loss stays finite.

    Args:
        label: Class indices ``(N, H, W)``, 0 = background.
        ignore_index: Label of pixels with weight 0. Defaults to 255.
        dtype: Of the result. Defaults to float32.

    Returns:
        ``(N, H, W)``.

    Example:
        >>> balanced_weights(torch.tensor([[[0, 0, 3, 255]]]))
        tensor([[[0.2500, 0.2500, 0.5000, 0.0000]]])
    """
    background = label == 0
    objects = ~background & (label != ignore_index)
    weight = torch.zeros(label.shape, dtype=dtype, device=label.device)
    for kind in (background, objects):
        weight += 0.5 * kind.to(dtype) / kind.sum().clamp_(min=1)
    return weight
