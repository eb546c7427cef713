"""Mixing the images of a batch: CutMix, ClassMix, its use across domains, and CutOut.

A mask is bool ``(N, H, W)``. True marks the pixels of sample i that are taken from its
partner: the next sample of the batch (the last one's partner is the first), or
a sample of another batch; for CutOut, the pixels that are blanked. :func:`mix` and
:func:`blank` apply one mask to images, labels and weights alike. Everything is drawn
and done on the device of the batch, without waiting for it.
"""

import torch
from torch import Tensor

from .box_masks import box_masks, varied_box_masks

__all__ = [
    'blank',
    'class_masks',
    'keep_some',
    'mix',
    'mixing_masks',
    'pasted_class_masks',
]

_NUM_LABELS = 256


def class_masks(
    labels: Tensor,
    ignore_index: int = 255,
    generator: torch.Generator | None = None,
    whole_batch: bool = False,
) -> Tensor:
    """Draw the masks of ClassMix: half of the classes of a sample are kept.

    Of k classes in a label map, ``k // 2`` random ones are kept
    (https://arxiv.org/abs/2007.07936), so a map of one class is replaced whole.
    Ignored pixels are never kept.

    Args:
        labels: Integer ``(N, H, W)``, each below 256: labels or pseudo-labels.
        ignore_index: Label that is no class.
        generator: Generator on the device of ``labels``; default the global one.
        whole_batch: Draw for each sample out of the classes of all samples, with
            ``ignore_index`` as one more, as the code of DACS and DAFormer does. A draw
            may then hit classes that the sample lacks.

    Returns:
        Bool ``(N, H, W)``, False on the pixels of the kept classes.

    Example:
        >>> masks = class_masks(torch.tensor([[[3, 3, 7, 255]]]))  # 3 or 7 is kept
        >>> masks.sum().item() in (2, 3), masks[0, 0, 3].item()
        (True, True)
    """
    flat = labels.flatten(1).long()
    shape = len(labels), _NUM_LABELS
    present = torch.zeros(shape, dtype=torch.bool, device=labels.device)
    present.scatter_(1, flat, True)
    if whole_batch:
        present = present.any(0, keepdim=True).expand(shape)
    else:
        present[:, ignore_index] = False
    draw = torch.rand(shape, device=labels.device, generator=generator)
    draw.masked_fill_(~present, -1.0)
    rank = draw.argsort(1, descending=True).argsort(1)
    kept = rank < present.sum(1, keepdim=True) // 2
    return ~kept.gather(1, flat).view_as(labels)


def pasted_class_masks(
    labels: Tensor,
    ignore_index: int = 255,
    generator: torch.Generator | None = None,
    whole_batch: bool = False,
) -> Tensor:
    """Draw the masks of ClassMix across domains: half of the partner's classes.

    DACS (https://arxiv.org/abs/2007.08702), where the partner is a labeled image of
    the source domain. Of k classes in its label map, ``ceil(k / 2)`` random ones are
    pasted. Ignored pixels are never pasted, except with ``whole_batch``.

    Args:
        labels: Integer ``(N, H, W)`` of the partners, each below 256.
        ignore_index: Label that is no class.
        generator: Generator on the device of ``labels``; default the global one.
        whole_batch: Draw out of the classes of all partners, see :func:`class_masks`;
            ignored pixels may then be pasted, with that label.

    Returns:
        Bool ``(N, H, W)``, True on the pixels of the pasted classes.

    Example:
        >>> pasted_class_masks(torch.tensor([[[3, 3, 255]]]))  # one class, pasted whole
        tensor([[[ True,  True, False]]])
    """
    masks = class_masks(labels, ignore_index, generator, whole_batch)
    return masks if whole_batch else masks & (labels != ignore_index)


def keep_some(
    masks: Tensor,
    prob: float,
    per_sample: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Clear masks at random, so that mixing happens with probability ``prob``.

    Args:
        masks: Bool ``(N, H, W)``.
        prob: Probability that a mask stays.
        per_sample: Decide for each sample; otherwise once for the whole batch, as
            U2PL's code does with ``prob=0.5``.
        generator: Generator on the device of the masks; default the global one.

    Returns:
        Bool ``(N, H, W)``.

    Example:
        >>> keep_some(torch.ones(2, 1, 3, dtype=torch.bool), prob=0.0).any().item()
        False
    """
    if prob >= 1:
        return masks
    num = len(masks) if per_sample else 1
    draw = torch.rand(num, 1, 1, device=masks.device, generator=generator)
    return masks & (draw < prob)


def mixing_masks(
    kind: str,
    labels: Tensor,
    prob: float = 1.0,
    per_sample: bool = False,
    area: float | tuple[float, float] = 0.5,
    partner_labels: Tensor | None = None,
    whole_batch: bool = False,
) -> Tensor:
    """Draw the masks of one kind of mixing, from the global generator.

    Args:
        kind: 'cutmix', 'classmix' or 'cutout'.
        labels: Labels or pseudo-labels ``(N, H, W)``.
        prob: See :func:`keep_some`.
        per_sample: See :func:`keep_some`.
        area: Share of the box of CutMix and CutOut, see :func:`box_masks`; or its
            bounds, see :func:`varied_box_masks`.
        partner_labels: Labels ``(N, H, W)`` of partners that are no neighbors in the
            batch. ClassMix then pastes their classes (:func:`pasted_class_masks`);
            without them it keeps those of ``labels`` (:func:`class_masks`).
        whole_batch: See :func:`class_masks`.

    Returns:
        Bool ``(N, H, W)`` on the device of the labels.

    Example:
        >>> labels = torch.zeros(2, 8, 8, dtype=torch.long)
        >>> mixing_masks('classmix', labels).all().item()  # one class, replaced whole
        True
    """
    if kind == 'classmix' and partner_labels is not None:
        masks = pasted_class_masks(partner_labels, whole_batch=whole_batch)
    elif kind == 'classmix':
        masks = class_masks(labels, whole_batch=whole_batch)
    else:
        num, height, width = labels.shape
        if isinstance(area, int | float):
            masks = box_masks(num, height, width, area, labels.device)
        else:
            masks = varied_box_masks(num, height, width, area, device=labels.device)
    return keep_some(masks, prob, per_sample)


def mix(masks: Tensor, values: Tensor, partners: Tensor | None = None) -> Tensor:
    """Take the marked pixels from the partners.

    Args:
        masks: Bool ``(N, H, W)``, see :func:`box_masks` and :func:`class_masks`.
        values: Images ``(N, C, H, W)``, labels or weights ``(N, H, W)``.
        partners: The same of the partners; None for the next samples of the batch.

    Returns:
        The mixed values, a new tensor of the same shape and dtype.

    Example:
        >>> labels = torch.arange(3).view(3, 1, 1).expand(3, 1, 4)
        >>> mix(torch.tensor([False, True, True, False]).expand(3, 1, 4), labels)
        tensor([[[0, 1, 1, 0]],
        <BLANKLINE>
                [[1, 2, 2, 1]],
        <BLANKLINE>
                [[2, 0, 0, 2]]])
    """
    if partners is None:
        partners = values.roll(-1, 0)
    return torch.where(_as(masks, values), partners, values)


def blank(masks: Tensor, values: Tensor, fill: float) -> Tensor:
    """CutOut: set the marked pixels to ``fill`` (0 is the mean of normalized images).

    Args:
        masks: Bool ``(N, H, W)``.
        values: Images ``(N, C, H, W)``, labels or weights ``(N, H, W)``.
        fill: The new value; 255 for labels that then cost nothing.

    Example:
        >>> blank(torch.tensor([[[True, False]]]), torch.tensor([[[3, 4]]]), fill=255)
        tensor([[[255,   4]]])
    """
    return values.masked_fill(_as(masks, values), fill)


def _as(masks: Tensor, values: Tensor) -> Tensor:
    return masks if values.dim() == masks.dim() else masks.unsqueeze(1)
