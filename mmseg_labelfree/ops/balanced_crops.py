"""Crops of images in which no class prevails, chosen on the device."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ['balanced_places', 'crops_at', 'draw_places']


def draw_places(
    num: int,
    image_size: Sequence[int],
    crop_size: Sequence[int],
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw places for a crop in an image, uniformly.

    Args:
        num: Number of places.
        image_size: Height and width of the image.
        crop_size: Height and width of the crop.
        generator: Of torch, on the CPU; by default the global one.

    Returns:
        int64 ``(num, 2)``, first row and first column of each.

    Raises:
        ValueError: The image is smaller than the crop.

    Example:
        >>> draw_places(2, image_size=(4, 6), crop_size=(4, 6))
        tensor([[0, 0],
                [0, 0]])
    """
    gaps = [whole - part for whole, part in zip(image_size, crop_size, strict=True)]
    if min(gaps) < 0:
        raise ValueError(
            f'images of {tuple(image_size)} are smaller than crops of '
            f'{tuple(crop_size)} (height, width): take smaller crops or resize the '
            'images to a larger scale'
        )
    drawn = [torch.randint(gap + 1, (num,), generator=generator) for gap in gaps]
    return torch.stack(drawn, 1)


@torch.no_grad()
def balanced_places(
    labels: Tensor,
    places: Tensor,
    crop_size: Sequence[int],
    num_classes: int,
    max_share: float = 0.75,
) -> Tensor:
    """Choose the first place whose crop has several classes, and none that prevails.

    What MMSegmentation's ``RandomCrop`` does with ``cat_max_ratio``, for labels that
    are on the device. Where no place will do, the last one is taken.

    Args:
        labels: int64 ``(H, W)`` of an image; values that are no class (255) do not
            count.
        places: ``(K, 2)`` of :func:`draw_places`.
        crop_size: Height and width.
        num_classes: C.
        max_share: A class prevails that has at least this share of the labeled pixels.

    Returns:
        int64 ``(2,)``, first row and first column.

    Example:
        >>> labels = torch.tensor([[0, 0, 0, 1]])
        >>> balanced_places(labels, torch.tensor([[0, 0], [0, 2]]), (1, 2), 2)
        tensor([0, 2])
    """
    classes = torch.arange(num_classes, device=labels.device)[:, None, None]
    sums = (labels == classes).cumsum(1, dtype=torch.int32)
    sums = F.pad(sums.cumsum(2, dtype=torch.int32), (1, 0, 1, 0))
    places = places.to(labels.device, non_blocking=True)
    top, left = places.unbind(1)
    bottom, right = top + crop_size[0], left + crop_size[1]
    counts = sums[:, bottom, right] - sums[:, top, right]
    counts += sums[:, top, left] - sums[:, bottom, left]
    fits = (counts > 0).sum(0) > 1
    fits &= counts.amax(0) < max_share * counts.sum(0)
    fits[-1] = True
    return places[fits.int().argmax()]


def crops_at(values: Tensor, places: Tensor, crop_size: Sequence[int]) -> Tensor:
    """Cut one crop out of each image, without waiting for the device.

    Args:
        values: ``(N, ..., H, W)``.
        places: int64 ``(N, 2)``, first row and first column of each.
        crop_size: Height and width.

    Returns:
        ``(N, ..., h, w)``.

    Example:
        >>> values = torch.arange(6).view(1, 2, 3)
        >>> crops_at(values, torch.tensor([[1, 1]]), (1, 2))
        tensor([[[4, 5]]])
    """
    rows, columns = (
        start[:, None] + torch.arange(length, device=values.device)
        for start, length in zip(places.unbind(1), crop_size, strict=True)
    )
    return torch.stack(
        [
            image[..., row[:, None], column]
            for image, row, column in zip(values, rows, columns, strict=True)
        ]
    )
