"""Contrast of pixels with prototypes and with a bank of unreliable pixels."""

from typing import Any

import torch
from mmseg.registry import MODELS
from torch import Tensor

from ...ops.contrast_pairs import (
    anchor_classes,
    clamp_ranks,
    negative_classes,
    sample_per_class,
)
from ...utils.choices import check_range
from ..layers.memory_bank import PrototypeMemoryBank
from .bank_contrast import BankContrastLoss, warn


@MODELS.register_module()
class MemoryBankContrastiveLoss(BankContrastLoss):
    r"""Loss that contrasts pixels, prototypes and a memory bank (U2PL+, eq. 10).

    .. math::
        -\frac{1}{C M} \sum_c \sum_{i=1}^M \log
        \frac{e^{\langle z_{ci}, z_c^+ \rangle / \tau}}
        {e^{\langle z_{ci}, z_c^+ \rangle / \tau}
        + \sum_{j=1}^N e^{\langle z_{ci}, z_{cij}^- \rangle / \tau}}

    Pixel-level InfoNCE (https://arxiv.org/abs/2306.02314; see
    :func:`~mmseg_labelfree.ops.info_nce`). Anchors are M embeddings of the student,
    drawn with replacement from the pixels of the class with a reliable label and a
    teacher's probability above a threshold (U2PL+, eq. 21-23). The positive of all of
    them is the prototype of the class (U2PL+, eq. 24), their N negatives are drawn anew
    for each anchor from the queue of the class. A class without anchors, negatives or
    prototype costs nothing; with no class left the loss is 0, attached to the
    embeddings.

    Everything is at the size of the embeddings, labeled images first. A step calls
    :meth:`push_negatives` before the loss, see there.

    What the authors' code computes instead: :class:`U2PLOfficialContrastiveLoss`.

    Args:
        num_anchors: M, of each class. Defaults to 256.
        num_negatives: N, of each anchor. Defaults to 50.
        temperature: :math:`\tau`, above 0. Defaults to 0.5.
        anchor_threshold: :math:`\delta_p`, the least probability of an anchor's label.
            Defaults to 0.3.
        low_rank: :math:`r_l`. Defaults to 3.
        high_rank: :math:`r_h`; with fewer classes all ranks from ``low_rank`` on are
            used, and ``low_rank`` is lowered so that one is left. A warning says so.
            Defaults to 20.
        **kwargs: As for :class:`BaseLoss`; the paper's weight is 0.1.

    Raises:
        ValueError: An argument is out of range.

    Example:
        ``contrastive_loss=dict(type='MemoryBankContrastiveLoss', num_anchors=256,
        num_negatives=50, loss_weight=0.1)``

        Two classes, whose embeddings, prototypes and negatives are the two axes:

        >>> axes, rows = torch.eye(2), torch.tensor([0, 1])
        >>> bank = PrototypeMemoryBank(num_classes=2, channels=2, length=1)
        >>> bank.push(axes, rows.flip(0))  # the other class's pixel is the negative
        >>> labels = rows.view(1, 1, 2)
        >>> bank.update_prototypes(axes.view(1, 2, 1, 2), labels)
        >>> loss = MemoryBankContrastiveLoss(num_negatives=1, temperature=1.0)
        >>> reliable = torch.ones(1, 1, 2, dtype=torch.bool)
        >>> logits = 9 * axes.view(1, 2, 1, 2)
        >>> loss(axes.view(1, 2, 1, 2), logits, labels, reliable, bank)
        tensor(0.3133)
    """

    official = False
    """Whether it is the authors' code, see ``U2PLOfficialEncoderDecoder``."""

    def __init__(
        self,
        num_anchors: int = 256,
        num_negatives: int = 50,
        temperature: float = 0.5,
        anchor_threshold: float = 0.3,
        low_rank: int = 3,
        high_rank: int = 20,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_anchors, num_negatives, temperature, **kwargs)
        clamp_ranks(max(2, high_rank), low_rank, high_rank)  # checks them
        check_range(0, 1, anchor_threshold=anchor_threshold)
        self.anchor_threshold = anchor_threshold
        self.low_rank = low_rank
        self.high_rank = high_rank
        self._warned_ranks = False

    @torch.no_grad()
    def push_negatives(
        self,
        bank: PrototypeMemoryBank,
        teacher_embeddings: Tensor,
        teacher_logits: Tensor,
        labels: Tensor,
        unreliable: Tensor,
        num_labeled: int,
    ) -> None:
        """Push the negatives of this batch into the bank (U2PL+, eq. 25-28).

        Every process must call it. All maps are of the size of the embeddings.

        Args:
            bank: Takes them.
            teacher_embeddings: ``(N, D, h, w)``.
            teacher_logits: ``(N, C, h, w)``.
            labels: int64 ``(N, h, w)``: ground truth of the labeled images, 255 =
                none; the others are not read.
            unreliable: Bool ``(N, h, w)``; only the unlabeled images are read.
            num_labeled: Labeled images, which come first.
        """
        member = self.negatives(teacher_logits, labels, unreliable, num_labeled)
        bank.push_map(teacher_embeddings, member)

    def negatives(
        self, logits: Tensor, labels: Tensor, unreliable: Tensor, num_labeled: int
    ) -> Tensor:
        """Classes that each pixel is a negative of, bool ``(N, C, h, w)``.

        Args:
            logits: The teacher's ``(N, C, h, w)``.
            labels: See :meth:`push_negatives`.
            unreliable: See there.
            num_labeled: See there.
        """
        ranks = self.ranks(logits.shape[1])
        return negative_classes(logits, labels, unreliable, num_labeled, *ranks)

    def forward(
        self,
        embeddings: Tensor,
        teacher_logits: Tensor,
        labels: Tensor,
        reliable: Tensor,
        bank: PrototypeMemoryBank,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Compute the loss of the pixels of this process.

        Args:
            embeddings: Of the student ``(N, D, h, w)``, any precision; computed in
                float32 at the drawn pixels.
            teacher_logits: ``(N, C, h, w)``.
            labels: int64 ``(N, h, w)``: ground truth, and denoised pseudo-labels of the
                unlabeled images; 255 = none.
            reliable: Bool ``(N, h, w)``, where ``labels`` count: True on labeled
                images.
            bank: Of C classes and D channels.
            generator: Of the random draws, on the device of the embeddings; default
                the global one.

        Returns:
            A scalar, float32 (float64 for float64).
        """
        num_classes = teacher_logits.shape[1]
        classes = anchor_classes(
            teacher_logits, labels, reliable, self.anchor_threshold
        )
        pixels, counts = sample_per_class(
            classes.flatten(), num_classes, self.num_anchors, generator
        )
        queue = torch.arange(num_classes, device=counts.device)
        loss = self.contrast(embeddings, pixels, counts > 0, queue, bank, generator)
        return self.loss_weight * (loss / num_classes)

    def ranks(self, num_classes: int) -> tuple[int, int]:
        """Rank thresholds for so many classes; says once if they were lowered."""
        ranks = clamp_ranks(num_classes, self.low_rank, self.high_rank)
        if ranks != (self.low_rank, self.high_rank) and not self._warned_ranks:
            self._warned_ranks = True
            warn(
                f'{type(self).__name__}: with {num_classes} classes, negatives are '
                f'those of rank {ranks[0]} to {ranks[1] - 1}; low_rank='
                f'{self.low_rank} and high_rank={self.high_rank} were lowered.'
            )
        return ranks
