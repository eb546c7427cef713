"""Cross-entropy in which background stands for all classes known before."""

from functools import partial

import torch
from torch import Tensor

from .checks import check_logits, check_old_classes
from .pixel_loss import (
    PixelLoss,
    fused_pixel_loss,
    log_shares,
)

__all__ = ['unbiased_cross_entropy']


def unbiased_cross_entropy(
    logits: Tensor, label: Tensor, num_old_classes: int, ignore_index: int = 255
) -> Tensor:
    r"""Compute the unbiased cross-entropy of each pixel (MiB, eq. 5-6).

    Modeling the Background (https://arxiv.org/abs/2002.00718): a pixel labeled
    background may be of any class of the earlier steps. With :math:`q` the softmax of
    the logits, a pixel of label 0 costs :math:`-\log \sum_{k < num\_old} q_k`, one of
    any other label c :math:`-\log q_c`. ``num_old_classes=1`` is the ordinary
    cross-entropy.

    A label ``0 < c < num_old_classes`` follows eq. 6 as well. The authors' code maps
    such labels to background first; ``IncrementalDataset`` does so when it loads
    the label map, so that they do not normally reach the loss.

    The classes are split into old and new ones and the softmax is taken within each
    part: the gradient is that softmax times one scale per pixel, less the target, and
    a part whose probability rounds to zero still has a finite logarithm.

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
    pixel_loss = PixelLoss(
        partial(_cross_entropy_value, num_old_classes, ignore_index),
        partial(_cross_entropy_gradient, num_old_classes, ignore_index),
        num_state=4,
    )
    return fused_pixel_loss(logits, pixel_loss, label)


def _cross_entropy_value(num_old_classes, ignore_index, x, work, state, label):
    old, new = work[:num_old_classes], work[num_old_classes:]
    old_max, new_max = x[:num_old_classes].amax(0), x[num_old_classes:].amax(0)
    torch.sub(x[:num_old_classes], old_max, out=old)
    torch.sub(x[num_old_classes:], new_max, out=new)
    work.exp_()
    old_sum, new_sum = old.sum(0), new.sum(0)
    log_old, log_new = log_shares(old_max, old_sum, new_max, new_sum)

    valid = label != ignore_index
    background = label == 0
    index = label.long().masked_fill(~valid, 0)
    # -log q_c is taken relative to the maximum of c's own part, then the share of that
    # part is added: no difference of large numbers.
    in_old = index < num_old_classes
    below_max = torch.where(in_old, old_max, new_max)
    below_max -= x.gather(0, index.unsqueeze(0))[0]
    inside = torch.where(in_old, old_sum, new_sum).log_()
    share = torch.where(in_old, log_old, log_new)
    loss = torch.where(background, -log_old, below_max + inside - share)

    p_old, p_new = log_old.exp_(), log_new.exp_()
    state[0] = old_max
    state[1] = new_max
    state[2] = torch.where(background, -p_new, p_old).div_(old_sum).mul_(valid)
    state[3] = p_new.div_(new_sum).mul_(valid)
    return loss.masked_fill_(~valid, 0)


def _cross_entropy_gradient(
    num_old_classes, ignore_index, x, work, state, factor, label
):
    old_max, new_max, old_scale, new_scale = state
    old, new = work[:num_old_classes], work[num_old_classes:]
    torch.sub(x[:num_old_classes], old_max, out=old)
    torch.sub(x[num_old_classes:], new_max, out=new)
    work.exp_()
    old.mul_(old_scale * factor)
    new.mul_(new_scale * factor)
    hit = (label != ignore_index) & (label != 0)
    index = label.long().masked_fill(~hit, 0).unsqueeze(0)
    work.scatter_add_(0, index, (factor * hit).neg_().unsqueeze(0))
