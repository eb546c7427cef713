"""Random blocks of images that are hidden: the masks of MIC."""

import torch
from torch import Tensor

from .reliability import nearest_pixels

__all__ = ['block_masks']


def block_masks(
    num: int,
    height: int,
    width: int,
    block_size: int = 32,
    ratio: float = 0.7,
    device: torch.device | str | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw which blocks of each image are hidden: MIC.

    https://arxiv.org/abs/2212.01322. As in its code the side of the coarse mask is
    ``round(height / block_size)``, halves to even, so blocks are stretched where the
    size does not divide, and one is hidden where a uniform draw is at most ``ratio``.

    Args:
        num: Number of images N.
        height: Height H in pixels.
        width: Width W in pixels.
        block_size: Side of a block in pixels.
        ratio: Share of the blocks that is hidden, 0 to 1.
        device: Device of the result.
        generator: Generator on ``device``. Defaults to the global one.

    Returns:
        Bool ``(N, H, W)``, True where the image is hidden.

    Raises:
        ValueError: No block fits into the image.

    Example:
        >>> masks = block_masks(2, height=8, width=12, block_size=4, ratio=0.5)
        >>> masks[:, ::4, ::4].repeat_interleave(4, 1).repeat_interleave(4, 2) == masks
        tensor([[[True, ...
    """
    rows, columns = round(height / block_size), round(width / block_size)
    if not rows or not columns:
        raise ValueError(
            f'block_size={block_size} is too large for images of {height} x {width} '
            'pixels'
        )
    draw = torch.rand(num, rows, columns, device=device, generator=generator)
    return nearest_pixels(draw <= ratio, (height, width))
