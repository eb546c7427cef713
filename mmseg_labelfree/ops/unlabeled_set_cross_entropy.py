"""Cross-entropy of weakly labeled images whose set of classes is known."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from .checks import check_label, check_logits
from .label_maps import IGNORE, UNLABELED
from .probabilities import full_precision, log_share_within

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
    https://arxiv.org/abs/2201.13338) asks of an unlabeled pixel only that it takes one
    of these classes. With :math:`q` the softmax of the logits, a pixel of class c
    costs :math:`-\log q_c`, whether or not c is in the set U of its image, and an
    unlabeled one :math:`-\gamma \log \sum_{k \in U} q_k`. Where U is empty, unlabeled
    pixels cost nothing; where it holds all classes, their cost is 0 as well.

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
    x = full_precision(logits)
    # Outside U the least number instead of minus infinity: an empty U then has a
    # gradient of 0 and not of NaN.
    outside = ~class_set[:, :, None, None]
    share, of_set = log_share_within(x.masked_fill(outside, torch.finfo(x.dtype).min))
    unlabeled = label == unlabeled_index
    counted = unlabeled & class_set.any(1)[:, None, None]
    index = label.long().masked_fill(unlabeled, ignore_index)
    index = torch.where(counted, of_set, index)
    loss = cross_entropy(
        x, index, ignore_index=ignore_index, reduction='none'
    )  # eq. 12
    return torch.where(counted, gamma * (loss + share), loss)  # eq. 13 and 12
