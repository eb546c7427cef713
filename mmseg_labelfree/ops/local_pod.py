"""Pooled features of several scales, and their distance between two models."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from .probabilities import full_precision

__all__ = ['background_with_new', 'local_pod']


def local_pod(features: Tensor, scales: Sequence[int] = (1, 2, 4)) -> Tensor:
    r"""Pool squared features over the rows and columns of cells: local POD of PLOP.

    For each scale s an image is cut into s x s cells, whose squared features are
    averaged over their rows and, apart from that, over their columns: what stays is
    where something is along one of the two axes, for each channel.

    Cells are squares of ``W // s`` pixels, as in the authors' code. Maps of another
    form lose the columns and rows that no whole cell holds; a cell at the lower edge
    may be cut.

    Args:
        features: Floating point ``(N, C, H, W)``; half precision is computed in
            float32.
        scales: Cells along the width. Defaults to (1, 2, 4).

    Returns:
        ``(N, D)``: all means of an image, in a fixed order.

    Raises:
        ValueError: The map is too small or too wide for cells of a scale.

    Example:
        >>> x = torch.arange(4.0).view(1, 1, 2, 2)
        >>> local_pod(x, scales=(1,))  # of the squares 0, 1 and 4, 9
        tensor([[2.0000, 5.0000, 0.5000, 6.5000]])
    """
    height, width = features.shape[2:]
    squares = full_precision(features).square().contiguous()
    parts: list[Tensor] = []
    for scale in scales:
        side = width // scale
        if side == 0 or (scale - 1) * side >= height:
            raise ValueError(
                f'a map of {height} x {width} has no {scale} x {scale} square cells '
                f'of {side} pixels: use larger crops or fewer scales'
            )
        parts += _means(squares, side, scale)
    return torch.cat([part.flatten(1) for part in parts], 1)


def _means(squares: Tensor, side: int, scale: int) -> Iterator[Tensor]:
    """Means over the rows of the cells of a scale, then those over their columns."""
    covered = squares[:, :, : scale * side, : scale * side]
    whole = covered.shape[2] // side
    yield covered[:, :, : whole * side].unflatten(2, (whole, side)).mean(3)
    if whole < scale:
        yield covered[:, :, whole * side :].mean(2)
    yield covered.unflatten(3, (scale, side)).mean(4)


def background_with_new(logits: Tensor, num_old: int) -> Tensor:
    """Add the logits of new classes to the background's, to compare with old logits.

    Args:
        logits: ``(N, C, H, W)`` of the model in training, channel 0 = background.
        num_old: Channels of the model before this step.

    Returns:
        ``(N, num_old, H, W)``.

    Example:
        >>> background_with_new(torch.ones(1, 5, 1, 1), 3).flatten()
        tensor([3., 1., 1.])
    """
    background = logits[:, :1] + logits[:, num_old:].sum(1, keepdim=True)
    return torch.cat([background, logits[:, 1:num_old]], 1)
