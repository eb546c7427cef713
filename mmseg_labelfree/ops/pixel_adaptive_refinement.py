r"""Pixel-adaptive refinement, which moves soft masks to the edges of an image.

Each pixel takes the mean of its neighbors at several distances, weighted by how alike
their colors are; this is repeated. The weights of all 48 neighbors are what costs
memory: they are made a few rows at a time, and kept for a few images.
"""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .checks import check_logits
from .probabilities import full_precision

__all__ = ['image_colors', 'pixel_adaptive_refinement']

# Bytes of the weights that are kept, and of the differences of colors of a few rows.
CPU_BYTES = (2**24, 2**20)
GPU_BYTES = (2**28, 2**27)


@torch.no_grad()
def image_colors(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Compute the colors of normalized images, in steps of 1/255.

    As in AFA's code they are rounded down to whole gray levels; what is a whole level
    but for rounding errors stays one.

    Args:
        images: Normalized, floating point ``(N, 3, H, W)``.
        mean: Mean of the normalization in gray levels, ``(3, 1, 1)``.
        std: Standard deviation of the normalization in gray levels, ``(3, 1, 1)``.

    Returns:
        ``(N, 3, H, W)``, 0 to 1, float32 (float64 for float64).

    Example:
        >>> zero = torch.zeros(1, 3, 1, 1)
        >>> image_colors(zero, torch.tensor(51.5), torch.tensor(58.4)).unique()
        tensor([0.2000])
    """
    levels = full_precision(images) * std + mean
    return (levels + 1e-3).floor().clamp(0, 255) / 255


@torch.no_grad()
def pixel_adaptive_refinement(
    images: Tensor,
    masks: Tensor,
    dilations: Sequence[int] = (1, 2, 4, 8, 12, 24),
    iterations: int = 10,
    color_scale: float = 0.3,
    distance_weight: float = 0.01,
) -> Tensor:
    r"""Refine soft masks by the colors of the images: PAR of AFA.

    Section 3.4 of https://arxiv.org/abs/2203.02664, as in its authors' code. With n the
    8 neighbors of a pixel at each dilation, the weight of a neighbor is

    .. math::
        \operatorname{softmax}_n \Big(-\tfrac13 \sum_{rgb} \big(
        \tfrac{I_n - I_0}{s\,\sigma}\big)^2 \Big) + w \operatorname{softmax}_n \Big(
        -\big(\tfrac{d_n}{s\,\sigma_d}\big)^2\Big)

    with :math:`\sigma` the standard deviations over the neighbors and d the distances.
    A mask becomes the weighted sum of its neighbors; the weights sum to 1 + w, so that
    masks grow by this factor each time. Beyond the border the outermost pixels are
    repeated. No gradient flows.

    Args:
        images: Floating point ``(N, 3, H, W)``, 0 to 1.
        masks: Floating point ``(N, K, h, w)``, enlarged to the images first
            (``align_corners=True``). The time grows with K: leave out classes that an
            image does not have.
        dilations: Distances of neighbors in pixels. Defaults to 1, 2, 4, 8, 12, 24.
        iterations: How often to repeat. Defaults to 10.
        color_scale: s. Defaults to 0.3.
        distance_weight: w. Defaults to 0.01.

    Returns:
        ``(N, K, H, W)``, float32 (float64 for float64).

    Raises:
        ValueError: Images and masks are no batches of the same number of images.

    Example:
        >>> image = torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(1, 3, 4, 4)
        >>> mask = torch.tensor([0.2, 1.0, 0.3, 0.3]).expand(1, 1, 4, 4)
        >>> pixel_adaptive_refinement(image, mask, [1], 9)[0, 0, 0]  # two regions
        tensor([0.5535, 0.5530, 0.3309, 0.3303])
    """
    check_logits(images, 'images')
    check_logits(masks, 'masks')
    if len(images) != len(masks):
        raise ValueError(
            f'{len(images)} images and masks of {len(masks)} images are not one batch'
        )
    images = full_precision(images)
    masks = F.interpolate(
        masks.to(images.dtype), images.shape[2:], mode='bilinear', align_corners=True
    )
    offsets = [
        (dilation * y, dilation * x)
        for dilation in dilations
        for y in (-1, 0, 1)
        for x in (-1, 0, 1)
        if y or x
    ]
    near = _distance_weights(offsets, color_scale).to(images) * distance_weight
    refined = torch.empty_like(masks)
    for some in _blocks(images, len(offsets)):
        weights = _weights(images[some], offsets, near, color_scale)
        x = masks[some]
        for _ in range(iterations):
            x = _weighted_sum(x, offsets, weights)
        refined[some] = x
    return refined


def _distance_weights(offsets: Sequence[tuple[int, int]], scale: float) -> Tensor:
    """Softmax over the neighbors by their distances, float64 ``(n,)``."""
    distances = torch.tensor(offsets, dtype=torch.double).norm(dim=1)
    return (distances / (distances.std() + 1e-8) / scale).square().neg().softmax(0)


def _blocks(images: Tensor, neighbors: int) -> Iterator[slice]:
    """Slices of the batch whose weights are kept at a time."""
    budget = (CPU_BYTES if images.device.type == 'cpu' else GPU_BYTES)[0]
    each = neighbors * images[0, 0].numel() * images.element_size()
    step = max(1, budget // each)
    for start in range(0, len(images), step):
        yield slice(start, start + step)


def _strips(values: Tensor, neighbors: int) -> Iterator[slice]:
    """Slices of the rows of ``(n, C, H, W)``, for whose neighbors there is room."""
    budget = (CPU_BYTES if values.device.type == 'cpu' else GPU_BYTES)[1]
    row = neighbors * values[:, :, 0].numel() * values.element_size()
    step = max(1, budget // row)
    for start in range(0, values.shape[2], step):
        yield slice(start, min(start + step, values.shape[2]))


def _padded(values: Tensor, offsets: Sequence[tuple[int, int]]) -> tuple[Tensor, int]:
    """Repeat the border, so that every neighbor exists; and the width of that."""
    margin = max(y for y, _ in offsets)
    return F.pad(values, (margin,) * 4, mode='replicate'), margin


def _neighbor(
    padded: Tensor, margin: int, offset: tuple[int, int], rows: slice
) -> Tensor:
    """Neighbors of the pixels of some rows, a view."""
    y, x = margin + offset[0], margin + offset[1]
    width = padded.shape[3] - 2 * margin
    return padded[:, :, rows.start + y : rows.stop + y, x : x + width]


def _weights(
    images: Tensor, offsets: Sequence[tuple[int, int]], near: Tensor, scale: float
) -> Tensor:
    """Weights of the neighbors of each pixel, ``(neighbors, N, 1, H, W)``."""
    num, _, *size = images.shape
    weights = images.new_empty((len(offsets), num, 1, *size))
    padded, margin = _padded(images, offsets)
    for rows in _strips(images, len(offsets)):
        center = images[:, :, rows]
        difference = center.new_empty((len(offsets), *center.shape))
        for out, offset in zip(difference, offsets, strict=True):
            torch.sub(_neighbor(padded, margin, offset, rows), center, out=out)
        deviation = difference - difference.mean(0)
        deviation = deviation.square_().sum(0).div_(len(offsets) - 1).sqrt_()
        difference.div_(deviation.add_(1e-8).mul_(scale)).square_()
        alike = difference.mean(2, keepdim=True).neg_().softmax(0)
        weights[..., rows, :] = alike.add_(near.view(-1, 1, 1, 1, 1))
    return weights


def _weighted_sum(
    masks: Tensor, offsets: Sequence[tuple[int, int]], weights: Tensor
) -> Tensor:
    """Sum over the neighbors of each pixel, ``(N, K, H, W)``."""
    total = torch.zeros_like(masks)
    padded, margin = _padded(masks, offsets)
    for rows in _strips(masks, len(offsets)):
        part = total[:, :, rows]
        for weight, offset in zip(weights, offsets, strict=True):
            neighbor = _neighbor(padded, margin, offset, rows)
            part.addcmul_(neighbor, weight[:, :, rows])
    return total
