"""Labels made from a teacher's prediction."""

import torch
from torch import Tensor

from .collectives import sum_over_processes

__all__ = ['confident_pixels', 'confident_share', 'pseudo_labels']


@torch.no_grad()
def pseudo_labels(
    logits: Tensor,
    threshold: float = 0.0,
    valid: Tensor | None = None,
    ignore_index: int = 255,
) -> Tensor:
    """Find the most probable class of each pixel, where it is probable enough.

    Args:
        logits: Floating point ``(N, C, H, W)`` of the teacher.
        threshold: Least softmax probability, 0 to 1; below it the pixel is ignored.
            0 keeps all pixels.
        valid: Bool ``(N, H, W)``, False where there is no image (padding).
        ignore_index: Label of the pixels that are left out.

    Returns:
        int64 ``(N, H, W)``, ``0 .. C - 1`` or ``ignore_index``.

    Example:
        >>> logits = torch.tensor([[0.9, 0.6], [0.1, 0.4]]).log().view(1, 2, 1, 2)
        >>> pseudo_labels(logits, threshold=0.8)
        tensor([[[  0, 255]]])
    """
    top, labels = logits.max(1)
    if threshold > 0:
        sure = _probability(top, logits) >= threshold
        valid = sure if valid is None else valid & sure
    if valid is not None:
        labels.masked_fill_(~valid, ignore_index)
    return labels


@torch.no_grad()
def confident_pixels(logits: Tensor, threshold: float = 0.968) -> Tensor:
    """Find the pixels that the teacher is confident of.

    Args:
        logits: Floating point ``(N, C, H, W)`` of the teacher.
        threshold: Least softmax probability of a confident pixel, 0 to 1.

    Returns:
        Bool ``(N, H, W)``.

    Example:
        >>> logits = torch.tensor([[0.9, 0.6], [0.1, 0.4]]).log().view(1, 2, 1, 2)
        >>> confident_pixels(logits, threshold=0.8)
        tensor([[[ True, False]]])
    """
    return _probability(logits.amax(1), logits) >= threshold


def confident_share(
    sure: Tensor, valid: Tensor | None = None, per_image: bool = True
) -> Tensor:
    """Compute the share of the pixels that the teacher is confident of.

    DACS (https://arxiv.org/abs/2007.08702) and DAFormer
    (https://arxiv.org/abs/2111.14887) weight pseudo-labels by it.

    Args:
        sure: Bool ``(N, H, W)`` of :func:`confident_pixels`.
        valid: Bool ``(N, H, W)``, False where there is no image; such pixels are
            not counted.
        per_image: Each image's own share; otherwise that of the whole batch of all
            processes, which must all call this then. The code of both papers knows one
            process.

    Returns:
        float32 ``(N,)``, 0 to 1; 0 without any valid pixel.

    Example:
        >>> confident_share(torch.tensor([[[True, False]]]))
        tensor([0.5000])
    """
    if valid is None:
        valid = torch.ones_like(sure)
    dims = (1, 2) if per_image else (0, 1, 2)
    counts = torch.stack([(sure & valid).sum(dims), valid.sum(dims)])
    if not per_image:
        sum_over_processes(counts)
    return (counts[0] / counts[1].clamp(min=1)).expand(len(sure))


def _probability(top: Tensor, logits: Tensor) -> Tensor:
    """Softmax probability ``(N, H, W)`` of the highest logit ``(N, H, W)``."""
    return (top.float() - logits.float().logsumexp(1)).exp_()
