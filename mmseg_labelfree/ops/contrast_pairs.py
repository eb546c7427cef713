r"""Which pixels are compared in the contrast of U2PL+ (section 3.5.1).

U2PL+, https://arxiv.org/abs/2306.02314; U2PL, https://arxiv.org/abs/2203.03884. All
functions take the maps of a whole batch at the size of the embeddings, labelled images
first.
"""

from typing import Literal

import torch
from torch import Tensor

__all__ = ['anchor_classes', 'clamp_ranks', 'negative_classes', 'sample_per_class']


@torch.no_grad()
def anchor_classes(
    logits: Tensor, labels: Tensor, reliable: Tensor, threshold: float = 0.3
) -> Tensor:
    r"""The class that each pixel may be an anchor of, U2PL+ eq. 21-23.

    Args:
        logits: Of the teacher ``(N, C, h, w)``.
        labels: int64 ``(N, h, w)``: ground truth, or the (denoised) pseudo-labels;
            255 = none.
        reliable: Bool ``(N, h, w)``, where the label counts; True on labelled images.
        threshold: :math:`\delta_p`, probability of the label above which a pixel
            qualifies.

    Returns:
        int64 ``(N, h, w)``, a class or -1.
    """
    inside = (labels >= 0) & (labels < logits.shape[1])
    safe = labels.where(inside, 0)[:, None]
    logits = logits.detach()
    logits = logits if logits.dtype == torch.float64 else logits.float()
    probability = (logits.gather(1, safe)[:, 0] - logits.logsumexp(1)).exp_()
    return labels.where(inside & reliable & (probability > threshold), -1)


def clamp_ranks(num_classes: int, low_rank: int, high_rank: int) -> tuple[int, int]:
    """Rank thresholds that leave at least one rank between them.

    Args:
        num_classes: C, at least 2.
        low_rank: :math:`r_l`, at least 1.
        high_rank: :math:`r_h`, above ``low_rank``.

    Returns:
        ``high_rank`` at most C, and ``low_rank`` below it. Two classes give (1, 2).

    Raises:
        ValueError: An argument is out of range.
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
    variant: Literal['paper', 'official'] = 'paper',
) -> Tensor:
    r"""The classes that each pixel is a negative of, U2PL+ eq. 25-28.

    The rank of a class is 0 for the most probable one. A labelled pixel is a negative
    of the classes other than its own of rank below ``low_rank`` (eq. 26); an
    unlabelled one, if unreliable, of those from ``low_rank`` to ``high_rank - 1``
    (eq. 27). Classes of equal probability come in any order.

    ``variant='official'`` is what the authors' code does instead (open issue #171
    there): no labelled pixel is ever a negative, and an unreliable one only of its
    own pseudo-label, if that has a rank of eq. 27. With logits and labels from the same
    prediction this is never so; their code ranks by a second, noisier one.

    Args:
        logits: Of the teacher ``(N, C, h, w)``.
        labels: int64 ``(N, h, w)``; ground truth of the first ``num_labeled`` images,
            255 = none; pseudo-labels of the others, which only 'official' reads.
        unreliable: Bool ``(N, h, w)``; only the unlabelled images are read.
        num_labeled: L, at most N.
        low_rank: :math:`r_l`.
        high_rank: :math:`r_h`, at most C; see :func:`clamp_ranks`.
        variant: 'paper' or 'official'.

    Returns:
        Bool ``(N, C, h, w)``.
    """
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
        generator: Generator on their device; default the global one.

    Returns:
        Indices ``(C, num)`` into ``classes``, arbitrary where the class has no pixel,
        and the numbers of pixels ``(C,)``; both int64.
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
