"""Losses of pixels on logits of any size, all those of one head in one pass."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.losses import CrossEntropyLoss
from mmseg.models.utils import resize
from mmseg.utils import SampleList
from torch import Tensor, nn

from ...ops.pixel_terms import PixelTerm, striped_terms
from ...ops.probabilities import full_precision
from ...ops.two_classes import two_class_logits

__all__ = [
    'NamedTerm',
    'head_losses',
    'losses_of',
    'pixel_loss',
    'pixel_losses',
    'pixel_term',
    'sum_terms',
]

NamedTerm = tuple[str, PixelTerm]
EPS = torch.finfo(torch.float32).eps  # mmseg adds it to every denominator


def head_losses(
    head: BaseDecodeHead,
    logits: Tensor,
    data_samples: SampleList,
    terms: Sequence[NamedTerm] = (),
    weight: Tensor | None = None,
) -> dict[str, Tensor]:
    """Compute what ``head.loss_by_feat`` computes, without enlarging the logits.

    Heads with a pixel sampler that wants enlarged logits (``OHEMPixelSampler``) or with
    a ``loss_by_feat`` of their own compute their losses as ever.

    Args:
        head: A decode head of MMSegmentation.
        logits: Its logits ``(N, C, h, w)``.
        data_samples: N samples with ``gt_sem_seg`` ``(1, H, W)``, 255 = ignored.
        terms: Further losses of these logits at the size of the labels, with names.
        weight: Factor of each pixel ``(N, H, W)`` in the head's own losses.

    Returns:
        The losses by name, and ``acc_seg``, as :func:`pixel_losses` returns them.

    Raises:
        ValueError: There is a weight, and the head computes its losses by itself.
    """
    labels = torch.stack([sample.gt_sem_seg.data[0] for sample in data_samples])
    stock = type(head).loss_by_feat is BaseDecodeHead.loss_by_feat
    finds = getattr(head.sampler, 'pixel_weights', None)
    if stock and (head.sampler is None or finds):
        if finds:
            hard = finds(logits, labels)
            weight = hard if weight is None else weight * hard
        return pixel_losses(
            [_of_samples(loss, data_samples) for loss in losses_of(head)],
            logits,
            labels,
            head.ignore_index,
            head.align_corners,
            weight,
            terms,
        )
    if weight is not None:
        raise ValueError(
            f'{type(head).__name__} has a pixel sampler, or losses of its own, which '
            'take no factor for each pixel: use a head without'
        )
    losses = head.loss_by_feat(logits, data_samples)
    if terms:
        size = labels.shape[1:]
        losses.update(sum_terms(terms, logits, size, head.align_corners))
    return losses


def losses_of(head: BaseDecodeHead) -> list[nn.Module]:
    """List the ``loss_decode`` of a head, of which there may be several."""
    losses = head.loss_decode
    return list(losses) if isinstance(losses, nn.ModuleList) else [losses]


def _of_samples(criterion: Any, data_samples: SampleList) -> Any:
    """A loss that knows more of the batch than its labels, if it asks for that."""
    if not hasattr(criterion, 'of_samples'):
        return criterion
    return criterion.of_samples(data_samples)


def pixel_losses(
    criteria: Iterable[Any],
    logits: Tensor,
    labels: Tensor,
    ignore_index: int = 255,
    align_corners: bool = False,
    weight: Tensor | None = None,
    terms: Sequence[NamedTerm] = (),
) -> dict[str, Tensor]:
    """Compute several losses of the same logits, and their accuracy, strip by strip.

    A loss that is no sum over pixels (Dice, Lovasz) gets the logits at the size of the
    labels, as MMSegmentation does it.

    Args:
        criteria: Of ``loss_decode``. Losses of one name are added up.
        logits: ``(N, C, h, w)``, of any size.
        labels: int64 ``(N, H, W)``.
        ignore_index: Label without loss or gradient. Defaults to 255.
        align_corners: How logits are enlarged. Defaults to False.
        weight: Factor of each pixel ``(N, H, W)``.
        terms: Further losses of these logits, with names.

    Returns:
        The losses, as :func:`sum_terms` returns them, and ``acc_seg`` ``(1,)``, the
        share of right pixels in percent.
    """
    size = labels.shape[1:]
    striped: list[NamedTerm] = []
    others: list[Any] = []
    for criterion in criteria:
        term = pixel_term(criterion, logits, labels, weight, ignore_index)
        if term is None:
            others.append(criterion)
        else:
            striped.append((criterion.loss_name, term))
    striped += terms
    counted = labels != ignore_index
    hits = PixelTerm(_is_hit, (labels, counted))
    losses, values = _summed(striped, logits, size, align_corners, hits)
    for criterion in others:
        value = pixel_loss(
            criterion, logits, labels, weight, ignore_index, align_corners
        )
        name = criterion.loss_name
        losses[name] = losses[name] + value if name in losses else value
    losses['acc_seg'] = 100 * (values[-1:] + EPS) / (counted.sum() + EPS)
    return losses


def sum_terms(
    terms: Sequence[NamedTerm],
    logits: Tensor,
    size: Sequence[int],
    align_corners: bool = False,
) -> dict[str, Tensor]:
    """Sum losses of the same logits in one pass over strips.

    Args:
        terms: The losses with their names; those of one name are added up.
        logits: ``(N, C, h, w)``, of any size.
        size: Height and width at which they are computed.
        align_corners: How logits are enlarged. Defaults to False.

    Returns:
        Each loss's value. They share one gradient, which the first one with ``loss`` in
        its name carries: use all of them with the same factor, as ``parse_losses``
        does. It only logs the others, so these have no gradient.
    """
    return _summed(terms, logits, size, align_corners)[0]


def pixel_loss(
    criterion: Any,
    logits: Tensor,
    labels: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = 255,
    align_corners: bool = False,
) -> Tensor:
    """Compute one loss on logits of any size, strip by strip if it is one of pixels.

    Args:
        criterion: A ``loss_decode``.
        logits: ``(N, C, h, w)``, of any size.
        labels: int64 ``(N, H, W)``.
        weight: Factor of each pixel ``(N, H, W)``.
        ignore_index: Label without loss or gradient. Defaults to 255.
        align_corners: How logits are enlarged. Defaults to False.

    Returns:
        The loss, a scalar.
    """
    size = labels.shape[1:]
    term = pixel_term(criterion, logits, labels, weight, ignore_index)
    if term is not None:
        return striped_terms([term], logits, size, align_corners)[0]
    enlarged = resize(logits, size, mode='bilinear', align_corners=align_corners)
    return criterion(enlarged, labels, weight=weight, ignore_index=ignore_index)


def pixel_term(
    criterion: Any,
    logits: Tensor,
    labels: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = 255,
) -> PixelTerm | None:
    """Make a ``loss_decode`` a sum over pixels, if it is one.

    A loss is a sum over pixels if it has a method ``pixel_term``, as all losses of this
    package that are sums over pixels have, or if it is MMSegmentation's
    ``CrossEntropyLoss`` with a softmax. For these, one output for two classes counts as
    the logits of two, see :func:`~mmseg_labelfree.ops.two_class_logits`. Its sigmoid of
    one output is that softmax of two.

    Args:
        criterion: The loss.
        logits: ``(N, C, h, w)``, of any size.
        labels: int64 ``(N, H, W)``.
        weight: Factor of each pixel ``(N, H, W)``. It does not change the denominator.
        ignore_index: Label without loss or gradient. Defaults to 255.

    Returns:
        The term, or None if the loss has to be called with enlarged logits.
    """
    term, single = None, logits.shape[1] == 1
    if hasattr(criterion, 'pixel_term'):
        logits = two_class_logits(logits)
        term = criterion.pixel_term(logits, labels, weight, ignore_index)
    elif type(criterion) is CrossEntropyLoss:
        term = _cross_entropy_term(criterion, logits, labels, weight, ignore_index)
    if term is None or not single:
        return term
    return term._replace(equation=partial(_of_two_classes, term.equation))


def _of_two_classes(equation: Callable[..., Tensor], x: Tensor, *rest: Any) -> Tensor:
    """Call the equation of a term, with one output for two classes as two logits."""
    return equation(two_class_logits(x), *rest)


def _cross_entropy_term(
    criterion: CrossEntropyLoss,
    logits: Tensor,
    labels: Tensor,
    weight: Tensor | None,
    ignore_index: int,
) -> PixelTerm | None:
    """MMSegmentation's cross-entropy with a softmax, its denominators included."""
    weighted = criterion.class_weight is not None
    if criterion.use_mask or criterion.reduction != 'mean':
        return None
    if criterion.use_sigmoid and (weighted or logits.shape[1] > 1):
        return None
    if weighted and criterion.avg_non_ignore:
        return None
    counted = labels != ignore_index
    class_weight = None
    num_pixels: Tensor | int = labels.numel()
    if weighted:
        class_weight = full_precision(logits.new_tensor(criterion.class_weight))
        of_labels = class_weight[labels.masked_fill(~counted, 0)]
        num_pixels = of_labels.where(counted, 0).sum()
    elif criterion.avg_non_ignore:
        num_pixels = counted.sum()

    def equation(x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(
            x, y, class_weight, ignore_index=ignore_index, reduction='none'
        )

    factor = criterion.loss_weight / (num_pixels + EPS)
    if weight is not None:
        factor = factor * weight.float()
    return PixelTerm(equation, (labels,), weight=factor)


def _is_hit(x: Tensor, labels: Tensor, counted: Tensor) -> Tensor:
    """Which of the counted pixels the logits put into their class."""
    return (counted & (two_class_logits(x).max(1).indices == labels)).float()


def _summed(
    terms: Sequence[NamedTerm],
    logits: Tensor,
    size: Sequence[int],
    align_corners: bool,
    *monitors: PixelTerm,
) -> tuple[dict[str, Tensor], Tensor]:
    """Losses by name, the first with the gradient; values of all terms and monitors."""
    every = [term if _learned(name) else _logged(term) for name, term in terms]
    if not any(_learned(name) for name, _ in terms):
        logits = logits.detach()  # what is only logged has no gradient
    total, values = striped_terms([*every, *monitors], logits, size, align_corners)
    gradient = total - total.detach()  # zero
    losses: dict[str, Tensor] = {}
    for (name, _), value in zip(terms, values[: len(terms)], strict=True):
        if _learned(name):
            value, gradient = value + gradient, torch.zeros_like(gradient)
        losses[name] = losses[name] + value if name in losses else value
    return losses, values


def _learned(name: str) -> bool:
    """Whether ``parse_losses`` adds a loss to the total, as it tells by the name."""
    return 'loss' in name


def _logged(term: PixelTerm) -> PixelTerm:
    """A term without a gradient."""
    return term._replace(equation=partial(_of_constant, term.equation))


def _of_constant(equation: Callable[..., Tensor], x: Tensor, *rest: Any) -> Tensor:
    """Call the equation of a term with logits that have no gradient."""
    return equation(x.detach(), *rest)
