r"""Which pixels are compared in the contrast of U2PL+ (section 3.5.1).

U2PL+, https://arxiv.org/abs/2306.02314; U2PL, https://arxiv.org/abs/2203.03884. All
functions take the maps of a whole batch at the size of the embeddings, labeled images
first.
"""

import torch
from torch import Tensor

from .probabilities import full_precision

__all__ = [
    'anchor_classes',
    'clamp_ranks',
    'classes_between_ranks',
    'negative_classes',
    'sample_per_class',
]


@torch.no_grad()
def anchor_classes(
    logits: Tensor, labels: Tensor, reliable: Tensor, threshold: float = 0.3
) -> Tensor:
    r"""Find the class that each pixel may be an anchor of (U2PL+, eq. 21-23).

    Args:
        logits: Of the teacher ``(N, C, h, w)``.
        labels: int64 ``(N, h, w)``: ground truth, or the (denoised) pseudo-labels;
            255 = none.
        reliable: Bool ``(N, h, w)``, where the label counts; True on labeled images.
        threshold: :math:`\delta_p`, probability of the label above which a pixel
            qualifies. Defaults to 0.3.

    Returns:
        int64 ``(N, h, w)``, a class or -1.

    Example:
        >>> labels = torch.tensor([[[0, 1, 255]]])
        >>> anchor_classes(torch.zeros(1, 2, 1, 3), labels, labels < 2)
        tensor([[[ 0,  1, -1]]])
    """
    inside = (labels >= 0) & (labels < logits.shape[1])
    safe = labels.where(inside, 0)[:, None]
    logits = full_precision(logits.detach())
    probability = (logits.gather(1, safe)[:, 0] - logits.logsumexp(1)).exp_()
    return labels.where(inside & reliable & (probability > threshold), -1)


def clamp_ranks(num_classes: int, low_rank: int, high_rank: int) -> tuple[int, int]:
    """Lower rank thresholds so that at least one rank is left between them.

    Args:
        num_classes: C, at least 2.
        low_rank: :math:`r_l`, at least 1.
        high_rank: :math:`r_h`, above ``low_rank``.

    Returns:
        ``low_rank`` and ``high_rank``; the latter at most C, the former below it.

    Raises:
        ValueError: An argument is out of range.

    Example:
        >>> clamp_ranks(num_classes=2, low_rank=3, high_rank=20)
        (1, 2)
    """
    if num_classes < 2:
        raise ValueError(f'a contrast needs at least 2 classes, got {num_classes}')
    if not 1 <= low_rank < high_rank:
        raise ValueError(
            f'low_rank must be at least 1 and below high_rank, got {low_rank} and '
            f'{high_rank}'
        )
    high_rank = min(high_rank, num_classes)
    return min(low_rank, high_rank - 1), high_rank


@torch.no_grad()
def classes_between_ranks(logits: Tensor, low_rank: int, high_rank: int) -> Tensor:
    """Mark the classes of each pixel with a rank from low to high, less 1.

    The rank of a class is 0 for the most probable one. Classes of equal probability
    come in any order.

    Args:
        logits: ``(N, C, h, w)``.
        low_rank: :math:`r_l`.
        high_rank: :math:`r_h`, at most C; see :func:`clamp_ranks`.

    Returns:
        Bool ``(N, C, h, w)``.

    Example:
        >>> logits = torch.tensor([3.0, 2.0, 1.0]).view(1, 3, 1, 1)
        >>> classes_between_ranks(logits, 1, 2).flatten().tolist()
        [False, True, False]
    """
    num_classes = logits.shape[1]
    if num_classes - high_rank <= high_rank:
        marked = ~_top(logits, num_classes - high_rank, largest=False)
    else:
        marked = _top(logits, high_rank, largest=True)
    return marked & ~_top(logits, low_rank, largest=True)


@torch.no_grad()
def negative_classes(
    logits: Tensor,
    labels: Tensor,
    unreliable: Tensor,
    num_labeled: int,
    low_rank: int = 3,
    high_rank: int = 20,
) -> Tensor:
    r"""Find the classes that each pixel is a negative of (U2PL+, eq. 25-28).

    A labeled pixel is a negative of the classes other than its own of rank below
    ``low_rank`` (U2PL+, eq. 26); an unlabeled one, if unreliable, of those from
    ``low_rank`` to ``high_rank - 1`` (U2PL+, eq. 27). What the authors' code does
    instead: :func:`~mmseg_labelfree.ops.official_negatives`.

    Args:
        logits: Of the teacher ``(N, C, h, w)``.
        labels: int64 ``(N, h, w)``; ground truth of the first ``num_labeled`` images,
            255 = none; the others are not read.
        unreliable: Bool ``(N, h, w)``; only the unlabeled images are read.
        num_labeled: L, at most N.
        low_rank: :math:`r_l`. Defaults to 3.
        high_rank: :math:`r_h`, at most C; see :func:`clamp_ranks`. Defaults to 20.

    Returns:
        Bool ``(N, C, h, w)``.

    Example:
        An unlabeled pixel, negative of its second class in rank, then a labeled one
        of class 0:

        >>> logits = torch.tensor([3.0, 2.0, 1.0]).view(1, 3, 1, 1)
        >>> label = torch.zeros(1, 1, 1, dtype=torch.long)
        >>> unsure = torch.ones(1, 1, 1, dtype=torch.bool)
        >>> negative_classes(logits, label, unsure, 0, 1, 2).flatten().tolist()
        [False, True, False]
        >>> negative_classes(logits, label, unsure, 1, 2, 3).flatten().tolist()
        [False, True, False]
    """
    classes = torch.arange(logits.shape[1], device=labels.device)[:, None, None]
    own = labels[:num_labeled, None] == classes
    likely = _top(logits[:num_labeled], low_rank, largest=True)
    likely &= ~own & own.any(1, keepdim=True)
    possible = classes_between_ranks(logits[num_labeled:], low_rank, high_rank)
    possible &= unreliable[num_labeled:, None]
    return torch.cat([likely, possible])


def sample_per_class(
    classes: Tensor,
    num_classes: int,
    num: int,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Draw pixels of each class, uniformly and with replacement.

    One sort of the class map serves all classes, so nothing of the size of classes
    times pixels is made.

    Args:
        classes: int64 ``(P,)``, P > 0, values below 0 for no class.
        num_classes: C.
        num: Pixels of each class.
        generator: Generator on their device. Defaults to the global one.

    Returns:
        Indices ``(C, num)`` into ``classes``, arbitrary where the class has no pixel,
        and the numbers of pixels ``(C,)``; both int64.

    Example:
        >>> sample_per_class(torch.tensor([1, -1, 0]), num_classes=2, num=3)
        (tensor([[2, 2, 2],
                [0, 0, 0]]), tensor([1, 1]))
    """
    keys = classes.where(classes >= 0, num_classes)
    counts = keys.new_zeros(num_classes + 1)
    counts = counts.scatter_add_(0, keys, torch.ones_like(keys))[:-1]
    order = keys.argsort(stable=True)
    draw = torch.randint(
        2**62, (num_classes, num), device=keys.device, generator=generator
    )
    draw %= counts.clamp(min=1)[:, None]
    draw += (counts.cumsum(0) - counts)[:, None]
    return order[draw.clamp_(max=len(order) - 1)], counts


def _top(values: Tensor, num: int, largest: bool) -> Tensor:
    """Mark the ``num`` largest (smallest) of dimension 1."""
    marked = torch.zeros(values.shape, dtype=torch.bool, device=values.device)
    if num and values.numel():
        index = values.topk(num, 1, largest=largest, sorted=False).indices
        marked.scatter_(1, index, True)
    return marked
