"""Labels of the background by an earlier model where its entropy is low."""

import math
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from .label_maps import IGNORE

__all__ = [
    'BackgroundLabels',
    'count_entropies',
    'label_background',
    'median_thresholds',
    'official_entropy',
    'official_thresholds',
]

T = TypeVar('T', Tensor, float)


class BackgroundLabels(NamedTuple):
    """Labels in which an earlier model has filled in the background."""

    labels: Tensor
    """int64 ``(N, H, W)``; background that the model was not sure of is 255."""

    share: Tensor
    """Share of the background's pixels that got a label, ``(N,)``, 0 to 1."""


def count_entropies(
    entropy: Tensor, classes: Tensor, counted: Tensor, num_classes: int, bins: int
) -> Tensor:
    """Count pixels by class and entropy.

    Args:
        entropy: Of any shape, 0 to 1; what lies outside goes to the first or last bin.
        classes: int64, of that shape.
        counted: Bool, of that shape: the pixels that count.
        num_classes: C.
        bins: Bins of one width between 0 and 1.

    Returns:
        float32 ``(C, bins)``.

    Example:
        >>> classes = torch.tensor([0, 0, 1])
        >>> count_entropies(torch.tensor([0.1, 0.6, 1.0]), classes, classes >= 0, 2, 2)
        tensor([[1., 1.],
                [0., 1.]])
    """
    cells = (entropy * bins).long().clamp(0, bins - 1) + classes * bins
    cells = cells.where(counted, num_classes * bins)
    found = torch.bincount(cells.flatten(), minlength=num_classes * bins + 1)
    return found[:-1].view(num_classes, bins).float()


def median_thresholds(counts: Tensor, least: float = 0.001) -> Tensor:
    """Find the median entropy of each class: the thresholds of PLOP.

    Args:
        counts: ``(C, bins)`` of :func:`count_entropies`.
        least: Lower bound, and the threshold of classes without a pixel.

    Returns:
        ``(C,)``, in the middle of the bin that holds the median.

    Example:
        >>> median_thresholds(torch.tensor([[0.0, 3.0, 1.0, 0.0], [0.0] * 4]))
        tensor([0.3750, 0.0010])
    """
    bins = counts.shape[1]
    reached = counts.cumsum(1) >= counts.sum(1, keepdim=True) / 2
    middle = (reached.int().argmax(1) + 0.5) / bins
    return middle.where(counts.sum(1) > 0, 0).clamp(min=least)


def official_thresholds(counts: Tensor, least: float = 0.001) -> Tensor:
    """Find the thresholds of the authors' code of PLOP, which are no medians.

    Its walk through the bins adds a bin's number where its count is meant, so that it
    ends at the right bin only if the first one holds half of the pixels. Where no bin
    ends it, the last one does, and an empty last bin gives plus infinity (all pixels
    are labeled) for classes of many pixels and the lower bound (none are) for those
    of few.

    Args:
        counts: As for :func:`median_thresholds`; the code has 100 bins.
        least: As there.

    Returns:
        float32 ``(C,)``.

    Example:
        >>> official_thresholds(torch.tensor([[3.0, 0.0, 1.0]]))
        tensor([0.2222])
    """
    num_bins = counts.shape[1]
    # They compute the number of a bin from its border: 28 in place of 29, of 100.
    read = [int(b / num_bins * num_bins) for b in range(num_bins)]
    counts = counts.long()  # exact, without float64, which not all devices have
    total, found = counts.sum(1, keepdim=True), counts[:, read]
    numbers = torch.arange(num_bins, device=counts.device)
    before = numbers * (numbers - 1) // 2  # the sum of the numbers
    ends = (total >= 2 * before) & (total <= 2 * (before + found))
    ends[:, -1] = True
    last = ends.int().argmax(1, keepdim=True)
    rest = (total - 2 * before[last]) / (2 * found.gather(1, last))
    thresholds = ((last + rest) / num_bins)[:, 0]
    thresholds = thresholds.where(total[:, 0] > 0, 0)
    return thresholds.clamp(min=least)


def label_background(
    labels: Tensor,
    old_labels: Tensor,
    entropy: Tensor,
    thresholds: Tensor,
    ignore_index: int = IGNORE,
) -> BackgroundLabels:
    r"""Fill in the background of a step by an earlier model's labels, as PLOP does.

    A background pixel gets the old model's class, background among them, if the
    entropy there is below the threshold of that class, and counts for nothing
    otherwise. The share of an image's background that was labeled,

    .. math:: \nu = \frac{\text{labeled background pixels}}{\text{background pixels}}

    is the weight of that image's cross-entropy.

    Args:
        labels: int64 ``(N, H, W)``, 0 = background, 255 = ignored.
        old_labels: int64 ``(N, H, W)``: the old model's most probable classes.
        entropy: Of its prediction ``(N, H, W)``, in the unit of the thresholds.
        thresholds: ``(C,)``, for each class of the old model.
        ignore_index: Label of background without a label. Defaults to 255.

    Returns:
        Labels and share.

    Example:
        >>> old = torch.tensor([[[2, 2, 1]]])
        >>> entropy = torch.tensor([[[0.1, 0.5, 0.1]]])
        >>> sure = torch.tensor([0.2, 0.2, 0.2])
        >>> label_background(torch.tensor([[[0, 0, 3]]]), old, entropy, sure).labels
        tensor([[[  2, 255,   3]]])
    """
    background = labels == 0
    sure = background & (entropy < thresholds[old_labels])
    filled = labels.masked_fill(background & ~sure, ignore_index)
    number = background.flatten(1).sum(1)
    share = sure.flatten(1).sum(1) / (number + 1e-6)
    return BackgroundLabels(old_labels.where(sure, filled), share)


def official_entropy(entropy: T, num_classes: int) -> T:
    """Entropy in nats as the authors' code of PLOP has it.

    It is divided by ``log(C)``, and by C once more, as a mean over the classes.

    Args:
        entropy: In nats, a number or a tensor.
        num_classes: C of the old model.

    Returns:
        Values of at most ``1 / C``.
    """
    return entropy / (num_classes * math.log(num_classes))
