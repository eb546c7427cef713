r"""The contrast of U2PL as its authors' code computes it.

For comparison with github.com/Haochen-Wang409/U2PL, whose mistakes are kept: the
figures of https://arxiv.org/abs/2203.03884 come from it. The equations of U2PL+ are in
:mod:`~mmseg_labelfree.ops.contrast_pairs`. Maps have the size of the embeddings.
"""

import torch
from torch import Tensor

from .contrast_pairs import classes_between_ranks

__all__ = [
    'classes_in_first_image',
    'first_classes',
    'official_negatives',
]


@torch.no_grad()
def classes_in_first_image(labels: Tensor, num_classes: int) -> Tensor:
    """Mark which classes the code takes each pixel to have.

    Its one-hot map puts the labels of all images of a batch into the first image. A
    pixel of that one has the classes that any image has at its place, and
    those of other images have none.

    Args:
        labels: int64 ``(N, h, w)``, labels or pseudo-labels; 255 = none.
        num_classes: C.

    Returns:
        Bool ``(N, C, h, w)``.

    Example:
        >>> classes_in_first_image(torch.tensor([[[2]], [[0]]]), 3).flatten(1).int()
        tensor([[1, 0, 1],
                [0, 0, 0]], dtype=torch.int32)
    """
    classes = torch.arange(num_classes, device=labels.device)[:, None, None]
    member = (labels[:, None] == classes).any(0, keepdim=True)
    first = torch.arange(len(labels), device=labels.device) == 0
    return member & first[:, None, None, None]


@torch.no_grad()
def official_negatives(
    logits: Tensor,
    member: Tensor,
    unreliable: Tensor,
    num_labeled: int,
    low_rank: int = 3,
    high_rank: int = 20,
) -> Tensor:
    r"""Find the classes that each pixel is a negative of, as the code does.

    It multiplies "has class c" with "is a negative of class c" (open issue 171 there).
    So no labeled pixel is ever a negative, and an unreliable one only of a class that
    is its own pseudo-label, if that has a rank from ``low_rank`` to ``high_rank - 1``.
    Their ranks are of another, noisier prediction than the pseudo-labels.

    Args:
        logits: Of the teacher ``(N, C, h, w)``.
        member: Bool ``(N, C, h, w)``, see :func:`classes_in_first_image`.
        unreliable: Bool ``(N, h, w)``; only the unlabeled images are read.
        num_labeled: L, images that come first, at most N.
        low_rank: :math:`r_l`. Defaults to 3.
        high_rank: :math:`r_h`, at most C. Defaults to 20.

    Returns:
        Bool ``(N, C, h, w)``.

    Example:
        >>> logits = torch.tensor([3.0, 2.0, 1.0]).view(1, 3, 1, 1)
        >>> unsure = torch.ones(1, 1, 1, dtype=torch.bool)
        >>> second = classes_in_first_image(unsure.long(), 3)  # pseudo-label 1
        >>> official_negatives(logits, second, unsure, 0, 1, 2).flatten().tolist()
        [False, True, False]
    """
    possible = classes_between_ranks(logits[num_labeled:], low_rank, high_rank)
    possible &= member[num_labeled:] & unreliable[num_labeled:, None]
    return torch.cat([torch.zeros_like(member[:num_labeled]), possible])


@torch.no_grad()
def first_classes(counts: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Find which classes the code contrasts with whose negatives.

    With V classes present, class k < V is contrasted with the queue of the k-th of them
    and classes from V on are not contrasted (open issue 111 there). One
    class alone has no contrast; the sum over classes is divided by V instead of C.

    Args:
        counts: int64 ``(C,)``, anchors of each class.
        present: Bool ``(C,)``, which classes have pixels that could be anchors, sure
            enough or not.

    Returns:
        Bool ``(C,)``, which classes are contrasted; int64 ``(C,)``, the class whose
        queue each meets; V, at least 1.

    Example:
        >>> first_classes(torch.tensor([0, 5, 2]), torch.tensor([False, True, True]))
        (tensor([False,  True, False]), tensor([1, 2, 0]), tensor(2))
    """
    num = present.sum()
    every = torch.arange(len(counts), device=counts.device)
    # Ids of the present classes, then those of the others.
    queue = (~present).to(torch.uint8).argsort(stable=True)
    contrasted = (counts > 0) & (every < num) & (num > 1)
    return contrasted, queue, num.clamp(min=1)
