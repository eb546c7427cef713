"""Cross-entropy in which background stands for all classes known before."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from .checks import check_logits, check_old_classes
from .probabilities import full_precision, log_share_within

__all__ = ['unbiased_cross_entropy']


def unbiased_cross_entropy(
    logits: Tensor, label: Tensor, num_old_classes: int, ignore_index: int = 255
) -> Tensor:
    r"""Compute the unbiased cross-entropy of each pixel (MiB, eq. 5-6).

    Modeling the Background (https://arxiv.org/abs/2201.13338): a pixel labeled
    background may be of any class of the earlier steps. With :math:`q` the softmax of
    the logits, a pixel of label 0 costs :math:`-\log \sum_{k < num\_old} q_k`, one of
    any other label c :math:`-\log q_c`. ``num_old_classes=1`` is the ordinary
    cross-entropy.

    A label ``0 < c < num_old_classes`` follows eq. 6 as well. The authors' code maps
    such labels to background first; ``IncrementalDataset`` does so when it loads
    the label map, so that they do not normally reach the loss.

    Args:
        logits: Floating point ``(N, C, H, W)``, any precision.
        label: Class indices ``(N, H, W)``, an integer dtype, below C or
            ``ignore_index``.
        num_old_classes: Number of classes known before this step, background
            included, ``1 <= num_old_classes < C``.
        ignore_index: Pixels of this label cost nothing and have a zero gradient.
            Defaults to 255.

    Returns:
        ``(N, H, W)`` in nats, float32 (float64 for float64), not averaged.

    Raises:
        ValueError: Shapes or dtypes disagree or ``num_old_classes`` is out of range.

    Example:
        >>> label = torch.tensor([[[0, 3]]])
        >>> unbiased_cross_entropy(torch.zeros(1, 4, 1, 2), label, 2).exp()
        tensor([[[2., 4.]]])
    """
    check_logits(logits)
    check_old_classes(label, logits, num_old_classes)
    x = full_precision(logits)
    if num_old_classes == 1:
        return cross_entropy(
            x, label.long(), ignore_index=ignore_index, reduction='none'
        )
    share, old = log_share_within(x[:, :num_old_classes])
    is_background = (label == 0) & (label != ignore_index)
    index = torch.where(is_background, old, label.long())
    loss = cross_entropy(x, index, ignore_index=ignore_index, reduction='none')  # eq. 5
    return torch.where(is_background, loss + share, loss)  # eq. 6
