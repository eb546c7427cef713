"""Cross-entropy of weakly labeled images whose set of classes is known."""

from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from .checks import check_label, check_logits
from .label_maps import IGNORE, UNLABELED
from .pixel_loss import PixelLoss, fused_pixel_loss

__all__ = ['image_classes', 'unlabeled_set_cross_entropy']


def image_classes(label: Tensor, num_classes: int) -> Tensor:
    """Find the classes that occur in each label map.

    Args:
        label: Integer class indices ``(N, H, W)``. Values outside
            ``0 .. num_classes - 1``, such as 254 (unlabeled) and 255 (ignored), are no
            class.
        num_classes: Number of classes C.

    Returns:
        Bool ``(N, C)``. Nothing waits for a GPU.

    Example:
        >>> image_classes(torch.tensor([[[0, 2, 254, 255]]]), 4)
        tensor([[ True, False,  True, False]])
    """
    index = label.flatten(1).long()
    index = index.masked_fill((index < 0) | (index >= num_classes), num_classes)
    present = index.new_zeros((len(index), num_classes + 1), dtype=torch.bool)
    return present.scatter_(1, index, True)[:, :num_classes]


def unlabeled_set_cross_entropy(
    logits: Tensor,
    label: Tensor,
    class_set: Tensor,
    gamma: float = 1.0,
    unlabeled_index: int = UNLABELED,
    ignore_index: int = IGNORE,
) -> Tensor:
    r"""Compute the summands of the loss of weakly labeled images (MiB, eq. 12-13).

    With points or scribbles most pixels of an image have no label, but the classes
    that occur in it are known. Modeling the Background (section 5 of
    https://arxiv.org/abs/2002.00718) asks of an unlabeled pixel only that it takes one
    of these classes. With :math:`q` the softmax of the logits, a pixel of class c
    costs :math:`-\log q_c`, whether or not c is in the set U of its image, and an
    unlabeled one :math:`-\gamma \log \sum_{k \in U} q_k`. Where U is empty, unlabeled
    pixels cost nothing; where it holds all classes, their cost is 0 as well.

    The classes are split into the set and the rest and the softmax is taken within
    each part: a set whose probability rounds to zero still has a finite logarithm and
    a useful gradient.

    Args:
        logits: Floating point ``(N, C, H, W)``, any precision.
        label: Class indices ``(N, H, W)``, an integer dtype. Every value is below C or
            one of the two indices below.
        class_set: Bool ``(N, C)``, the set U of each image; see
            :func:`image_classes`.
        gamma: Factor on the unlabeled pixels. Defaults to 1.0.
        unlabeled_index: Label of unlabeled pixels. Defaults to 254.
        ignore_index: Pixels of this label cost nothing and have a zero gradient.
            Defaults to 255.

    Returns:
        ``(N, H, W)`` in nats, float32 (float64 for float64), not averaged.

    Raises:
        ValueError: Shapes or dtypes disagree, the two indices are equal or one of
            them is a class.

    Example:
        >>> label = torch.tensor([[[3, 254]]])
        >>> in_image = torch.tensor([[True, False, False, True]])
        >>> unlabeled_set_cross_entropy(torch.zeros(1, 4, 1, 2), label, in_image).exp()
        tensor([[[4., 2.]]])
    """
    check_logits(logits)
    check_label(label, logits)
    batch, classes, *size = logits.shape
    if class_set.dtype != torch.bool or class_set.shape != (batch, classes):
        raise ValueError(
            f'class_set must be bool of shape {(batch, classes)} for these logits, '
            f'got {class_set.dtype} of shape {tuple(class_set.shape)}'
        )
    indices = {unlabeled_index, ignore_index}
    if len(indices) < 2 or not indices.isdisjoint(range(classes)):
        raise ValueError(
            f'unlabeled_index={unlabeled_index} and ignore_index={ignore_index} must '
            f'differ from each other and from the {classes} classes'
        )
    pixel_loss = PixelLoss(
        partial(_value, unlabeled_index, ignore_index),
        partial(_gradient, unlabeled_index, ignore_index),
        num_state=4,
    )
    # As a map with strides of 0 the set takes no memory. A block of pixels lies
    # within one image, so that its first column says it all.
    per_pixel = class_set[:, :, None, None].expand(batch, classes, *size)
    loss = fused_pixel_loss(logits, pixel_loss, label, per_pixel)
    if gamma == 1:
        return loss
    return torch.where(label == unlabeled_index, gamma * loss, loss)


def _exp_in_parts(x, maxima, rows, work):
    """Leave exp(x - maximum of the class's part) in ``work``."""
    torch.index_select(maxima, 0, rows, out=work)
    torch.sub(x, work, out=work).exp_()


def _value(unlabeled_index, ignore_index, x, work, state, label, class_set):
    # Part 0 is the rest, part 1 the set U.
    inside = class_set[:, :1]
    for part, outside in enumerate((inside, ~inside)):
        torch.add(x, torch.where(outside, -torch.inf, 0.0), out=work)
        # An empty part has a finite maximum and the sum 0, and nowhere inf - inf.
        state[part] = work.amax(0).clamp_(min=torch.finfo(x.dtype).min)
    out_max, in_max = state[:2]
    _exp_in_parts(x, state[:2], inside[:, 0].long(), work)
    mask = inside.to(x.dtype)
    in_sum, out_sum = (work * mask).sum(0), work.mul_(1 - mask).sum(0)
    margin = in_max - out_max + (in_sum / out_sum).log_()
    log_in, log_out = logsigmoid(margin), logsigmoid(-margin)

    unlabeled = label == unlabeled_index
    labeled = ~unlabeled & (label != ignore_index)
    counted = labeled | (unlabeled & inside.any())
    index = label.long().masked_fill(~labeled, 0)
    # -log q_c is taken relative to the maximum of c's own part, then the share of that
    # part is added: no difference of large numbers.
    in_set = inside[:, 0][index]
    below_max = torch.where(in_set, in_max, out_max)
    below_max -= x.gather(0, index.unsqueeze(0))[0]
    total = torch.where(in_set, in_sum, out_sum).log_()
    share = torch.where(in_set, log_in, log_out)
    loss = torch.where(unlabeled, -log_in, below_max + total - share)

    p_in, p_out = log_in.exp_(), log_out.exp_()
    # The scale of an empty part is not finite, but no class uses it.
    state[3] = torch.where(unlabeled, -p_out, p_in).div_(in_sum)
    state[2] = p_out.div_(out_sum)
    state[2:].masked_fill_(~counted, 0)
    return loss.masked_fill_(~counted, 0)


def _gradient(unlabeled_index, ignore_index, x, work, state, factor, label, class_set):
    rows = class_set[:, 0].long()
    _exp_in_parts(x, state[:2], rows, work)
    work.mul_((state[2:] * factor).index_select(0, rows))
    labeled = (label != unlabeled_index) & (label != ignore_index)
    index = label.long().masked_fill(~labeled, 0).unsqueeze(0)
    work.scatter_add_(0, index, (factor * labeled).neg_().unsqueeze(0))
