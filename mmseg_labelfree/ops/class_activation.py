"""Class activation maps: where a classifier of whole images sees each class."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .checks import check_logits
from .label_maps import IGNORE
from .probabilities import full_precision

__all__ = [
    'activation_labels',
    'agreeing_labels',
    'check_image_labels',
    'multi_scale_activations',
    'normalize_activations',
]


def normalize_activations(maps: Tensor, eps: float = 1e-5) -> Tensor:
    """Stretch each map to the range 0 to 1 (U2PL+, eq. 5).

    Args:
        maps: Floating point ``(..., H, W)``, any precision.
        eps: Is added to the largest value, which therefore stays a little below 1; a
            constant map becomes 0. Defaults to 1e-5, as in AFA's code.

    Returns:
        ``(..., H, W)``, float32 (float64 for float64).

    Example:
        >>> normalize_activations(torch.tensor([[[1.0, 2.0, 3.0]]]))
        tensor([[[0.0000, 0.5000, 1.0000]]])
    """
    maps = full_precision(maps)
    maps = maps - maps.amin((-2, -1), keepdim=True)
    return maps / (maps.amax((-2, -1), keepdim=True) + eps)


@torch.no_grad()
def multi_scale_activations(
    function: Callable[[Tensor], Tensor],
    images: Tensor,
    scales: Sequence[float] = (1.0, 0.5, 1.5),
    mirror: bool = True,
    image_labels: Tensor | None = None,
) -> Tensor:
    r"""Compute class activation maps from several sizes of the images (U2PL+, eq. 5).

    At each scale the network sees the images and their mirror images; its maps are
    enlarged to the size of the images, the larger of the two counts where it is
    positive, and the sum over the scales is stretched to 0 to 1 (AFA, section 3.2 of
    https://arxiv.org/abs/2203.02664, and its code). No gradient flows.

    Args:
        function: Called with images ``(M, 3, h, w)``, the mirror images last; returns
            maps before any ReLU, ``(M, C, h', w')``.
        images: ``(N, 3, H, W)``.
        scales: Factors on height and width, which are rounded down. Defaults to 1, 0.5
            and 1.5.
        mirror: Whether to use mirror images. Defaults to True.
        image_labels: Classes of each image, bool ``(N, C)``. The maps of the others are
            0 and cost no time. On a CPU they let nothing wait for a GPU. Defaults to
            None: all maps.

    Returns:
        ``(N, C, H, W)``, 0 to 1, float32 (float64 for float64).

    Raises:
        ValueError: The maps are not ``(M, C, h', w')``, or the labels do not fit.

    Example:
        >>> images = torch.rand(2, 3, 8, 8)
        >>> multi_scale_activations(lambda x: x[:, :2, ::4, ::4], images).shape
        torch.Size([2, 2, 8, 8])
    """
    num, size = len(images), images.shape[2:]
    pairs, total = None, torch.zeros(())
    for scale in scales:
        maps = full_precision(function(_views(images, scale, mirror)))
        check_logits(maps, 'the maps')
        if pairs is None:
            pairs = _pairs(image_labels, num, maps.shape[1], images.device)
            shape = (num, maps.shape[1], *size)
        total = _larger_of_mirrored(maps, num, pairs, size) + total.to(maps)
    activations = total.new_zeros(shape)
    activations[pairs] = normalize_activations(total)
    return activations


def _views(images: Tensor, scale: float, mirror: bool) -> Tensor:
    """The images in another size, then their mirror images."""
    if scale != 1:
        size = [int(scale * side) for side in images.shape[2:]]
        images = F.interpolate(images, size, mode='bilinear', align_corners=False)
    return torch.cat([images, images.flip(3)]) if mirror else images


def _pairs(
    image_labels: Tensor | None, num: int, classes: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Indices ``(P,)`` of images and of their classes."""
    if image_labels is None:
        image_labels = torch.ones(num, classes, dtype=torch.bool)
    check_image_labels(image_labels, num, classes)
    image, label = image_labels.nonzero(as_tuple=True)
    return image.to(device), label.to(device)


def _larger_of_mirrored(
    maps: Tensor, num: int, pairs: tuple[Tensor, Tensor], size: Sequence[int]
) -> Tensor:
    """Positive part of the larger one of map and mirrored map, ``(P, H, W)``."""
    chosen = [maps[:num][pairs]]
    if len(maps) > num:
        chosen.append(maps[num:][pairs].flip(2))
    enlarged = [
        F.interpolate(x[:, None], tuple(size), mode='bilinear', align_corners=False)[
            :, 0
        ]
        for x in chosen
    ]
    return torch.maximum(enlarged[0], enlarged[-1]).relu_()


def activation_labels(
    activations: Tensor,
    image_labels: Tensor,
    background_low: float = 0.45,
    background_high: float | None = None,
    valid: Tensor | None = None,
    ignore_index: int = IGNORE,
) -> Tensor:
    r"""Make label maps from class activation maps (U2PL+, eq. 8).

    A pixel is of the class with the highest map among those of its image if that is
    above ``background_high``, background if it is at most ``background_low``, and
    ignored in between.

    Args:
        activations: ``(N, C, H, W)``, 0 to 1, without a map of background.
        image_labels: Classes of each image, bool ``(N, C)``.
        background_low: Score of background, 0 to 1. Defaults to 0.45, AFA's value at
            test; its training takes 0.35 and 0.55.
        background_high: Higher score, above which a pixel is an object. Defaults to
            None: the same.
        valid: Bool ``(N, H, W)``, False where there is no image (padding), which is
            ignored.
        ignore_index: Label of ignored pixels. Defaults to 255.

    Returns:
        int64 ``(N, H, W)``: 0 = background, c + 1 for class c.

    Raises:
        ValueError: The scores are out of order, or shapes disagree.

    Example:
        >>> maps = torch.tensor([[[[0.2, 0.5, 0.9]], [[0.0, 0.0, 1.0]]]])
        >>> activation_labels(maps, torch.tensor([[True, False]]), 0.35, 0.55)
        tensor([[[  0, 255,   1]]])
    """
    high = background_low if background_high is None else background_high
    if not 0 <= background_low <= high <= 1:
        raise ValueError(
            f'the scores of background, low {background_low} and high {high}, must be '
            '0 to 1 and in this order'
        )
    check_logits(activations, 'activations')
    check_image_labels(image_labels, *activations.shape[:2])
    present = image_labels.to(activations.device)[:, :, None, None]
    top, label = (activations * present).max(1)
    label += 1
    label[top <= high] = ignore_index
    label[top <= background_low] = 0
    return label if valid is None else label.masked_fill_(~valid, ignore_index)


def agreeing_labels(
    low: Tensor,
    high: Tensor,
    valid: Tensor | None = None,
    ignore_index: int = IGNORE,
) -> Tensor:
    """Join the label maps of a low and of a high score of background (AFA).

    Objects are where the high score leaves one, background where the low score too
    finds background; the pixels between are ignored.

    Args:
        low: Labels ``(N, H, W)`` with the low score of background, 0 = background.
        high: The same with the high score.
        valid: Bool ``(N, H, W)``, False where there is no image.
        ignore_index: Label of ignored pixels. Defaults to 255.

    Returns:
        ``(N, H, W)`` of the dtype of the labels.

    Example:
        >>> agreeing_labels(torch.tensor([[[1, 1, 0]]]), torch.tensor([[[1, 0, 0]]]))
        tensor([[[  1, 255,   0]]])
    """
    label = high.masked_fill((high == 0) & (low != 0), ignore_index)
    return label if valid is None else label.masked_fill_(~valid, ignore_index)


def check_image_labels(image_labels: Tensor, num: int, classes: int) -> None:
    """Raise a ValueError unless ``image_labels`` are bool, of all images and classes.

    Args:
        image_labels: What is checked.
        num: Number of images.
        classes: Number of classes, background not included.
    """
    if image_labels.dtype != torch.bool or image_labels.shape != (num, classes):
        raise ValueError(
            f'image_labels must be bool of shape {(num, classes)} (images, classes '
            f'without background), got {image_labels.dtype} of shape '
            f'{tuple(image_labels.shape)}'
        )
