r"""Pixel-adaptive refinement, which moves soft masks to the edges of an image.

Each pixel takes the mean of its neighbors at several distances, weighted by how alike
their colors are; this is repeated. The weights of all 48 neighbors are what costs
memory. They are kept for a few images at a time, or made anew in each iteration where
even those of one image are too many.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from .checks import check_logits
from .probabilities import full_precision

__all__ = ['pixel_adaptive_refinement']

# Bytes of weights that are kept at a time, whatever the size of input and output.
CPU_BYTES, GPU_BYTES = 2**21, 2**28


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

    What it adds to memory is about twice the size of input and output for two masks,
    and less for more. Small batches would be slow for it: up to 2 MiB of weights, on a
    GPU 256 MiB, are kept whatever that size.

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
    refined = F.interpolate(
        masks.to(images.dtype), images.shape[2:], mode='bilinear', align_corners=True
    )
    offsets = [
        (dilation * y, dilation * x)
        for dilation in dilations
        for y in (-1, 0, 1)
        for x in (-1, 0, 1)
        if y or x
    ]
    near = [distance_weight * w for w in _distance_weights(offsets, color_scale)]
    each = len(offsets) * images[0, 0].numel() * images.element_size()
    least = CPU_BYTES if images.device.type == 'cpu' else GPU_BYTES
    kept = max(images.nbytes + refined.nbytes, least)
    for some in _blocks(len(images), max(1, kept // each)):
        weight = _weights(images[some], offsets, near, color_scale)
        if each <= kept:
            weight = cache(weight)
        for _ in range(iterations):
            _weighted_sum_(refined[some], offsets, weight)
    return refined


def _blocks(number: int, step: int) -> Iterator[slice]:
    """Slices of so many images."""
    for start in range(0, number, step):
        yield slice(start, start + step)


def _distance_weights(
    offsets: Sequence[tuple[int, int]], scale: float
) -> Sequence[float]:
    """Softmax over the neighbors by their distances."""
    distances = torch.tensor(offsets, dtype=torch.double).norm(dim=1)
    relative = distances / (distances.std() + 1e-8) / scale
    return relative.square().neg().softmax(0).tolist()


def _neighbors(
    values: Tensor, offsets: Sequence[tuple[int, int]]
) -> Callable[[int], Tensor]:
    """Function that gives the k-th neighbor of each pixel, a view ``(N, K, H, W)``."""
    margin = max(y for y, _ in offsets)
    padded = F.pad(values, (margin,) * 4, mode='replicate')
    height, width = values.shape[2:]

    def neighbor(k: int) -> Tensor:
        y, x = (margin + step for step in offsets[k])
        return padded[:, :, y : y + height, x : x + width]

    return neighbor


def _weights(
    images: Tensor,
    offsets: Sequence[tuple[int, int]],
    near: Sequence[float],
    scale: float,
) -> Callable[[int], Tensor]:
    """Function that gives the weight of the k-th neighbor, ``(N, 1, H, W)``."""
    every = range(len(offsets))
    neighbor = _neighbors(images, offsets)
    colors = images.unbind(1)
    factors = []
    for c, color in enumerate(colors):
        others = [neighbor(k)[:, c] for k in every]  # views
        deviation = _deviation(others, color)
        factors.append(deviation.mul_(scale * len(colors) ** 0.5).reciprocal_())

    def likeness(k: int) -> Tensor:
        total = torch.zeros_like(factors[0])
        others = neighbor(k).unbind(1)
        for other, color, factor in zip(others, colors, factors, strict=True):
            gap = (other - color).mul_(factor)
            total.addcmul_(gap, gap, value=-1)
        return total

    highest = likeness(0)
    for k in every[1:]:
        torch.maximum(highest, likeness(k), out=highest)
    total = torch.zeros_like(highest)
    for k in every:
        total += likeness(k).sub_(highest).exp_()
    normalizer = total.log_().add_(highest)

    def weight(k: int) -> Tensor:
        return likeness(k).sub_(normalizer).exp_().add_(near[k])[:, None]

    return weight


def _deviation(neighbors: Sequence[Tensor], color: Tensor) -> Tensor:
    """Standard deviation over the neighbors of each pixel, ``(N, H, W)``."""
    # Differences from the pixel itself: squares of these lose no digits.
    mean = torch.zeros_like(color)
    for neighbor in neighbors:
        mean += neighbor - color
    mean /= len(neighbors)
    variance = torch.zeros_like(color)
    for neighbor in neighbors:
        gap = (neighbor - color).sub_(mean)
        variance.addcmul_(gap, gap)
    return variance.div_(len(neighbors) - 1).sqrt_().add_(1e-8)


def _weighted_sum_(
    masks: Tensor, offsets: Sequence[tuple[int, int]], weight: Callable[[int], Tensor]
) -> None:
    """Replace masks ``(N, K, H, W)`` by the sum over the neighbors of each pixel."""
    neighbor = _neighbors(masks, offsets)
    masks.zero_()
    for k in range(len(offsets)):
        masks.addcmul_(neighbor(k), weight(k))
