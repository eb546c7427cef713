"""Random boxes: the masks of CutMix and CutOut."""

import torch
from torch import Tensor

__all__ = ['box_masks', 'varied_box_masks']


def box_masks(
    num: int,
    height: int,
    width: int,
    area: float = 0.5,
    device: torch.device | str | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw one random box per sample: the masks of CutMix and CutOut.

    As in U2PL's code the box covers ``area`` of the image whatever its shape: its
    width is uniform in ``area * width + 1 .. width - 1``, its height follows, and
    its place is uniform. CutMix: https://arxiv.org/abs/1906.01916; CutOut:
    https://arxiv.org/abs/1708.04552.

    Args:
        num: Number of samples N.
        height: Height H in pixels.
        width: Width W in pixels, at least 2.
        area: Share of the pixels inside the box, above 0 and below 1.
        device: Device of the result.
        generator: Generator on ``device``; default the global one.

    Returns:
        Bool ``(N, H, W)``, True inside the box. The height is rounded to whole
        pixels, so the area is met up to half a row.

    Raises:
        ValueError: ``area`` or the size is out of range.

    Example:
        >>> box_masks(num=2, height=8, width=8, area=0.5).shape
        torch.Size([2, 8, 8])
    """
    if not 0 < area < 1:
        raise ValueError(f'area is a share of the image, above 0 and below 1: {area}')
    if height < 2 or width < 2:
        raise ValueError(f'no box fits into an image of {height} x {width} pixels')
    lowest = min(int(area * width) + 1, width - 1)
    draw = torch.rand(3, num, device=device, generator=generator)
    box_width = (lowest + draw[0] * (width - lowest)).floor().clamp_(max=width - 1)
    box_height = (area * height * width / box_width).round().clamp_(1, height)
    left = (draw[1] * (width - box_width + 1)).floor()
    top = (draw[2] * (height - box_height + 1)).floor()
    rows = _between(height, top, box_height)
    columns = _between(width, left, box_width)
    return rows[:, :, None] & columns[:, None, :]


def varied_box_masks(
    num: int,
    height: int,
    width: int,
    area: tuple[float, float] = (0.02, 0.4),
    ratio: tuple[float, float] = (0.3, 1 / 0.3),
    device: torch.device | str | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw one box of varied area and form per sample: CutMix as UniMatch has it.

    The share of the image is uniform in ``area``, the height over the width in
    ``ratio``, the place in the image; form and place are drawn again until the box lies
    inside. Here both are drawn at once from what that repetition leads to: a form is
    as likely as it has places.

    Args:
        num: Number of samples N.
        height: Height H in pixels.
        width: Width W in pixels.
        area: Bounds of the share of the pixels inside the box, above 0, at most 1.
        ratio: Bounds of the height over the width, above 0.
        device: Device of the result.
        generator: Generator on ``device``; default the global one.

    Returns:
        Bool ``(N, H, W)``, True inside the box. Sides are rounded down; in an image so
        narrow that no form fits, the box ends with it.

    Raises:
        ValueError: ``area`` is out of range.

    Example:
        >>> varied_box_masks(num=2, height=8, width=8, area=(0.5, 0.6)).shape
        torch.Size([2, 8, 8])
    """
    if not 0 < area[0] <= area[1] <= 1:
        raise ValueError(f'area is a share of the image from above 0 to 1: {area}')
    draw = torch.rand(4, num, 1, device=device, generator=generator)
    pixels = (area[0] + draw[0] * (area[1] - area[0])) * (height * width)
    forms = torch.linspace(*ratio, steps=1024, device=device)
    heights, widths = (pixels * forms).sqrt().floor(), (pixels / forms).sqrt().floor()
    places = (height + 1 - heights).clamp_(0) * (width + 1 - widths).clamp_(0)
    chances = places.cumsum(1)
    drawn = torch.searchsorted(chances, draw[1] * chances[:, -1:], right=True)
    drawn.clamp_(max=len(forms) - 1)
    box_height = heights.gather(1, drawn)[:, 0].clamp_(max=height)
    box_width = widths.gather(1, drawn)[:, 0].clamp_(max=width)
    top = (draw[2, :, 0] * (height - box_height + 1)).floor()
    left = (draw[3, :, 0] * (width - box_width + 1)).floor()
    rows = _between(height, top, box_height)
    columns = _between(width, left, box_width)
    return rows[:, :, None] & columns[:, None, :]


def _between(size: int, start: Tensor, length: Tensor) -> Tensor:
    place = torch.arange(size, device=start.device)
    return (place >= start[:, None]) & (place < (start + length)[:, None])
