r"""Which pixels are compared in the contrast of U2PL+ (section 3.5.1).

U2PL+, https://arxiv.org/abs/2306.02314; U2PL, https://arxiv.org/abs/2203.03884. All
functions take the maps of a whole batch at the size of the embeddings, labeled images
first.
"""

import torch
from torch import Tensor

from .checks import Variant, check_variant
from .probabilities import full_precision

__all__ = [
    'anchor_classes',
    'clamp_ranks',
    'contrasted_classes',
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
def negative_classes(
    logits: Tensor,
    labels: Tensor,
    unreliable: Tensor,
    num_labeled: int,
    low_rank: int = 3,
    high_rank: int = 20,
    variant: Variant = 'paper',
) -> Tensor:
    r"""Find the classes that each pixel is a negative of (U2PL+, eq. 25-28).

    The rank of a class is 0 for the most probable one. A labeled pixel is a negative
    of the classes other than its own of rank below ``low_rank`` (U2PL+, eq. 26); an
    unlabeled one, if unreliable, of those from ``low_rank`` to ``high_rank - 1``
    (U2PL+, eq. 27). Classes of equal probability come in any order.

    ``variant='official'`` is what the authors' code does instead (open issue #171
    there): no labeled pixel is ever a negative, and an unreliable one only of its
    own pseudo-label, if it has such a rank. With logits and labels from the same
    prediction this is never so; their code ranks by a second, noisier one.

    Args:
        logits: Of the teacher ``(N, C, h, w)``.
        labels: int64 ``(N, h, w)``; ground truth of the first ``num_labeled`` images,
            255 = none; pseudo-labels of the others, which only 'official' reads.
        unreliable: Bool ``(N, h, w)``; only the unlabeled images are read.
        num_labeled: L, at most N.
        low_rank: :math:`r_l`. Defaults to 3.
        high_rank: :math:`r_h`, at most C; see :func:`clamp_ranks`. Defaults to 20.
        variant: 'paper' or 'official'. Defaults to 'paper'.

    Returns:
        Bool ``(N, C, h, w)``.

    Raises:
        ValueError: ``variant`` is unknown.

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
    check_variant(variant)
    num_classes = logits.shape[1]
    likely = _top(logits, low_rank, largest=True)
    unlabeled = logits[num_labeled:]
    if num_classes - high_rank <= high_rank:
        possible = ~_top(unlabeled, num_classes - high_rank, largest=False)
    else:
        possible = _top(unlabeled, high_rank, largest=True)
    possible &= ~likely[num_labeled:]
    possible &= unreliable[num_labeled:, None]

    classes = torch.arange(num_classes, device=labels.device)[:, None, None]
    own = labels[:, None] == classes
    labeled = likely[:num_labeled]
    if variant == 'official':
        possible &= own[num_labeled:]
        labeled = torch.zeros_like(labeled)
    else:
        has_label = own[:num_labeled].any(1, keepdim=True)
        labeled = labeled & ~own[:num_labeled] & has_label
    return torch.cat([labeled, possible])


@torch.no_grad()
def contrasted_classes(
    counts: Tensor, labels: Tensor, reliable: Tensor, variant: Variant = 'paper'
) -> tuple[Tensor, Tensor, Tensor | int]:
    """Find which classes are contrasted with whose negatives (U2PL+, eq. 10).

    A class that has anchors is contrasted with the negatives of its own queue, and the
    sum over classes is divided by their number C.

    ``variant='official'`` is what the authors' code does instead: with V classes in
    the batch, class k < V is contrasted with the queue of the k-th class present, and
    classes from V on with none (open issue #111 there); one class alone has no
    contrast; the sum is divided by V.

    Args:
        counts: int64 ``(C,)``, anchors of each class.
        labels: int64 ``(N, h, w)``, as for :func:`anchor_classes`.
        reliable: Bool ``(N, h, w)``, as there.
        variant: 'paper' or 'official'. Defaults to 'paper'.

    Returns:
        Bool ``(C,)``, which classes are contrasted; int64 ``(C,)``, the class whose
        queue each meets; the number to divide by.

    Raises:
        ValueError: ``variant`` is unknown.

    Example:
        >>> counts, labels = torch.tensor([0, 5, 2]), torch.tensor([[[1, 2, 2]]])
        >>> reliable = torch.ones_like(labels, dtype=torch.bool)
        >>> contrasted_classes(counts, labels, reliable)
        (tensor([False,  True,  True]), tensor([0, 1, 2]), 3)
        >>> contrasted_classes(counts, labels, reliable, 'official')
        (tensor([False,  True, False]), tensor([1, 2, 0]), tensor(2))
    """
    check_variant(variant)
    every = torch.arange(len(counts), device=counts.device)
    if variant == 'paper':
        return counts > 0, every, len(counts)
    present = (labels[:, None] == every[:, None, None]) & reliable[:, None]
    present = present.any(-1).any(-1).any(0)
    num_present = present.sum()
    # Ids of the present classes, then those of the others.
    queue = (~present).to(torch.uint8).argsort(stable=True)
    contrasted = (counts > 0) & (every < num_present) & (num_present > 1)
    return contrasted, queue, num_present.clamp(min=1)


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
