"""Label maps from soft masks that were refined by the image."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .class_activation import agreeing_labels, check_image_labels
from .label_maps import IGNORE
from .probabilities import full_precision

__all__ = [
    'Box',
    'Refine',
    'background_scores',
    'refine_scores',
    'refined_labels',
]

#: Place of an image in a padded crop: top, bottom, left, right, ends excluded.
Box = tuple[int, int, int, int]

#: Refines masks ``(n, K, h, w)`` by images ``(n, 3, H, W)`` to ``(n, K, H, W)``.
Refine = Callable[[Tensor, Tensor], Tensor]


def background_scores(
    activations: Tensor, image_labels: Tensor, background: float
) -> Tensor:
    """Add a map of background and take the softmax over the classes of each image.

    As in AFA's code, where the activations themselves are the logits.

    Args:
        activations: ``(N, C, H, W)``, 0 to 1, without a map of background.
        image_labels: Classes of each image, bool ``(N, C)``.
        background: Score of background, 0 to 1.

    Returns:
        ``(N, 1 + C, H, W)``, background first, 0 for the classes that an image does not
        have; float32 (float64 for float64).

    Raises:
        ValueError: The labels do not fit the activations.

    Example:
        >>> maps = torch.full((1, 2, 1, 1), 0.5)
        >>> background_scores(maps, torch.tensor([[True, False]]), 0.5).flatten()
        tensor([0.5000, 0.5000, 0.0000])
    """
    check_image_labels(image_labels, *activations.shape[:2])
    absent = ~image_labels.to(activations.device)[:, :, None, None]
    x = full_precision(activations).masked_fill(absent, -torch.inf)
    return torch.cat([torch.full_like(x[:, :1], background), x], 1).softmax(1)


@torch.no_grad()
def refine_scores(
    images: Tensor, scores: Tensor, refine: Refine, shrink: int = 2
) -> Tensor:
    """Refine scores of classes on smaller images, and enlarge the result.

    Args:
        images: ``(N, 3, H, W)``, 0 to 1.
        scores: ``(N, K, h, w)``.
        refine: Function such as ``pixel_adaptive_refinement``.
        shrink: Factor between the sides of the images and those on which the scores are
            refined. Defaults to 2.

    Returns:
        ``(N, K, H, W)``.

    Example:
        >>> images, scores = torch.rand(1, 3, 8, 8), torch.rand(1, 2, 4, 4)
        >>> refine_scores(images, scores, lambda images, masks: masks).shape
        torch.Size([1, 2, 8, 8])
    """
    size = images.shape[2:]
    small = [max(1, side // shrink) for side in size]
    images = F.interpolate(images, small, mode='bilinear', align_corners=False)
    return F.interpolate(
        refine(images, scores), size, mode='bilinear', align_corners=False
    )


@torch.no_grad()
def refined_labels(
    images: Tensor,
    low: Tensor,
    high: Tensor,
    image_labels: Tensor,
    refine: Refine,
    boxes: Sequence[Box] | None = None,
    valid: Tensor | None = None,
    shrink: int = 2,
    ignore_index: int = IGNORE,
) -> Tensor:
    """Make label maps from refined scores of background and the present classes.

    The scores of a low and of a high score of background are refined together, image by
    image and without the classes that it does not have. See
    :func:`~mmseg_labelfree.ops.agreeing_labels` for how the two make one label map.

    Args:
        images: ``(N, 3, H, W)``, 0 to 1.
        low: Scores ``(N, 1 + C, h, w)``, background first, as from
            :func:`background_scores`.
        high: The same with a high score of background.
        image_labels: Classes of each image, bool ``(N, C)``. On a CPU they let nothing
            wait for a GPU.
        refine: Function such as ``pixel_adaptive_refinement``.
        boxes: Place of each image in its crop. What lies outside takes no part, and is
            ignored. The scores need the size of the images then. Defaults to None: the
            whole crop.
        valid: Bool ``(N, H, W)``, False where the result is ignored.
        shrink: As for :func:`refine_scores`.
        ignore_index: Label of ignored pixels. Defaults to 255.

    Returns:
        int64 ``(N, H, W)``: 0 = background, c + 1 for class c, or ``ignore_index``.

    Raises:
        ValueError: The labels do not fit the scores.

    Example:
        >>> maps, here = torch.tensor([[[[0.1, 0.9]]]]), torch.tensor([[True]])
        >>> scores = [background_scores(maps, here, b) for b in (0.35, 0.55)]
        >>> refined_labels(torch.rand(1, 3, 1, 2), *scores, here, lambda i, m: m, None,
        ...     shrink=1)
        tensor([[[0, 1]]])
    """
    num, _, height, width = images.shape
    check_image_labels(image_labels, num, low.shape[1] - 1)
    labels = torch.full(
        (num, height, width), ignore_index, dtype=torch.long, device=images.device
    )
    for n in range(num):
        top, bottom, left, right = (0, height, 0, width) if boxes is None else boxes[n]
        rows, columns = slice(top, bottom), slice(left, right)
        classes = F.pad(image_labels[n], (1, 0), value=True).nonzero()[:, 0]
        classes = classes.to(images.device)
        both = torch.cat([low[n : n + 1, classes], high[n : n + 1, classes]], 1)
        if boxes is not None:
            both = both[:, :, rows, columns]
        image = images[n : n + 1, :, rows, columns]
        refined = refine_scores(image, both, refine, shrink)[0]
        by_low, by_high = (classes[x.max(0).indices] for x in refined.chunk(2))
        labels[n, rows, columns] = agreeing_labels(
            by_low, by_high, ignore_index=ignore_index
        )
    return labels if valid is None else labels.masked_fill_(~valid, ignore_index)
