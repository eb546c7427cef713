r"""Bilinear enlarging as a product with two small matrices.

:math:`X = R\,x\,K^T` with a matrix of weights for the rows and one for the columns, the
same numbers as ``interpolate(..., mode='bilinear')``. So a few rows can be made alone,
and the gradient of a linear map is its transpose.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate

__all__ = ['SourceRows', 'bilinear_weights', 'source_rows']

MAX_CACHED = 64
_CACHE: dict[tuple, Tensor] = {}


class SourceRows(NamedTuple):
    """Small rows that a few enlarged ones come from, and their weights.

    Attributes:
        rows: The small rows.
        weights: ``(enlarged, small)``, None where nothing is to be enlarged.
    """

    rows: slice
    weights: Tensor | None

    def enlarge(self, small: Tensor) -> Tensor:
        """Make the rows ``(n, C, s, W)`` from all small ones ``(n, C, h, W)``."""
        part = small[:, :, self.rows]
        return part.contiguous() if self.weights is None else self.weights @ part

    def collect(self, gradient: Tensor, slope: Tensor) -> None:
        """Add the gradient by the rows to that by the small ones, ``slope``."""
        if self.weights is None:
            slope[:, :, self.rows] = gradient
        else:
            slope[:, :, self.rows] += self.weights.T @ gradient


def source_rows(
    small: Tensor, rows: slice, height: int, align_corners: bool = False
) -> SourceRows:
    """Find the small rows behind a few rows of an enlarged tensor.

    Args:
        small: ``(N, C, h, W)``.
        rows: The rows wanted, of ``height``.
        height: Height that ``small`` would be enlarged to.
        align_corners: As for ``interpolate``. Defaults to False.
    """
    count = small.shape[2]
    if count == height:
        return SourceRows(rows, None)
    # A row to spare on either side; its weights are 0.
    low = _position(rows.start, count, height, align_corners) - 1
    high = _position(rows.stop - 1, count, height, align_corners) + 3
    used = slice(max(low, 0), min(high, count))
    weights = bilinear_weights(small, count, height, align_corners)
    return SourceRows(used, weights[rows, used])


def bilinear_weights(
    like: Tensor, small: int, large: int, align_corners: bool = False
) -> Tensor:
    """Compute the weights of enlarging along one axis.

    Args:
        like: Gives dtype and device.
        small: Places to enlarge from.
        large: Places to enlarge to.
        align_corners: As for ``interpolate``. Defaults to False.

    Returns:
        ``(large, small)``, kept for the next call.

    Example:
        >>> bilinear_weights(torch.zeros(1), 2, 4)
        tensor([[1.0000, 0.0000],
                [0.7500, 0.2500],
                [0.2500, 0.7500],
                [0.0000, 1.0000]])
    """
    key = (small, large, align_corners, like.dtype, like.device)
    if key in _CACHE:
        return _CACHE[key]
    eye = torch.eye(small).to(like.dtype)[None, None]  # torch 2.1 makes no bfloat16
    enlarged = interpolate(
        eye, (small, large), mode='bilinear', align_corners=align_corners
    )
    weights = enlarged[0, 0].T.contiguous().to(like.device)
    if type(weights) is Tensor:  # and no fake one
        if len(_CACHE) >= MAX_CACHED:
            _CACHE.clear()
        _CACHE[key] = weights
    return weights


def _position(row: int, small: int, large: int, align_corners: bool) -> int:
    """First of the two small rows that an enlarged one lies between."""
    if align_corners:
        return math.floor(row * (small - 1) / max(large - 1, 1))
    return math.floor((row + 0.5) * small / large - 0.5)
