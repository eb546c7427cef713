"""The contrast of U2PL as its authors' code computes it."""

import torch
from mmseg.registry import MODELS
from torch import Tensor

from ...ops.activation_contrast import sample_members
from ...ops.collectives import num_processes
from ...ops.probabilities import full_precision
from ...ops.u2pl_official import first_classes, official_negatives
from ..layers.memory_bank import PrototypeMemoryBank
from .memory_bank_contrastive_loss import MemoryBankContrastiveLoss


@MODELS.register_module()
class U2PLOfficialContrastiveLoss(MemoryBankContrastiveLoss):
    """Loss of U2PL's contrast with the mistakes of its authors' code, for comparison.

    As :class:`MemoryBankContrastiveLoss`, but for which classes a pixel has
    (:func:`~mmseg_labelfree.ops.classes_in_first_image`), which of them it is a
    negative of (:func:`~mmseg_labelfree.ops.official_negatives`), which classes meet
    whose queue, and the divisor of the sum
    (:func:`~mmseg_labelfree.ops.first_classes`). The loss is also divided by the number
    of processes, since the code sums it over them and divides by their number, which
    reaches the gradient as a division alone. The code's ``loss_weight`` is 1.

    It goes with
    :class:`~mmseg_labelfree.models.segmentors.U2PLOfficialEncoderDecoder` alone.

    Args:
        **kwargs: As for :class:`MemoryBankContrastiveLoss`.

    Example:
        See ``u2pl_official`` in ``configs/_base_/methods/u2pl.py``.
    """

    official = True

    def negatives(
        self, logits: Tensor, labels: Tensor, unreliable: Tensor, num_labeled: int
    ) -> Tensor:
        """As the base class, with labels as bool ``(N, C, h, w)``."""
        ranks = self.ranks(logits.shape[1])
        return official_negatives(logits, labels, unreliable, num_labeled, *ranks)

    def forward(
        self,
        embeddings: Tensor,
        teacher_logits: Tensor,
        labels: Tensor,
        reliable: Tensor,
        bank: PrototypeMemoryBank,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """As the base class, with labels as bool ``(N, C, h, w)``."""
        member = labels & reliable[:, None]
        probability = full_precision(teacher_logits.detach()).softmax(1)
        anchors = member & (probability > self.anchor_threshold)
        pixels, counts = sample_members(anchors, self.num_anchors, generator)
        present = member.flatten(2).any(2).any(0)
        contrasted, queue, divisor = first_classes(counts, present)
        loss = self.contrast(embeddings, pixels, contrasted, queue, bank, generator)
        return self.loss_weight * (loss / (divisor * num_processes()))
