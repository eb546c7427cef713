"""Labels made from a teacher's prediction."""

import torch
from torch import Tensor

__all__ = ['pseudo_labels']


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
        sure = (top.float() - logits.float().logsumexp(1)).exp_() >= threshold
        valid = sure if valid is None else valid & sure
    if valid is not None:
        labels.masked_fill_(~valid, ignore_index)
    return labels
