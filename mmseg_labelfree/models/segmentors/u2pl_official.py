"""Segmentor of U2PL as its authors' code trains it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from mmseg.registry import MODELS
from torch import Tensor

from ...ops.reliability import EntropySplit, nearest_pixels, split_by_entropy
from ...ops.u2pl_official import classes_in_first_image
from .mixed_batch import MixedBatch
from .teacher_view import TeacherView, split_view
from .u2pl import U2PLEncoderDecoder, small_maps


@MODELS.register_module()
class U2PLOfficialEncoderDecoder(U2PLEncoderDecoder):
    """Segmentor that learns as U2PL's code does, mistakes included, for comparison.

    The published figures of U2PL (https://arxiv.org/abs/2203.03884) come from
    github.com/Haochen-Wang409/U2PL, where this differs from the papers:

    - Pseudo-labels come from a pass of the teacher on the weak views. A second pass, in
      train mode on labeled and mixed images, gives entropy, prototypes and negatives.
      The teacher's running statistics are those of its own passes (``EMATeacherHook``
      with ``buffers='own'``); here it sees the labeled images in the warm-up, too.
    - The loss of the pseudo-labels is the mean over reliable pixels, times all pixels
      over reliable ones.
    - Prototypes are the means of a batch, over labeled pixels and those of lowest
      entropy, as many as are unreliable. These alone are anchors.
    - The contrast has three mistakes, see
      :class:`~mmseg_labelfree.models.losses.U2PLOfficialContrastiveLoss`.
    - Percentile, weight and prototypes are those of each process by itself.

    This class is the switch for all of it: ``contrastive_loss`` is of that class,
    ``memory_bank.momentum`` 0, ``denoise`` False and ``unlabeled_loss`` averages over
    the pixels that are not ignored, without a word in the config, and anything else is
    refused.

    Args:
        memory_bank: A ``PrototypeMemoryBank``.
        contrastive_loss: Arguments of a ``U2PLOfficialContrastiveLoss``.
        denoise: False.
        unlabeled_loss: A ``loss_decode`` with ``avg_non_ignore=True``. Defaults to such
            a cross-entropy.
        **kwargs: As for :class:`U2PLEncoderDecoder`.

    Raises:
        ValueError: A part is not that of the code.

    Example:
        See ``u2pl_official`` in ``configs/_base_/methods/u2pl.py``.
    """

    official = True
    teacher_buffers = 'own'
    teacher_has_statistics = True

    def __init__(
        self,
        *args: Any,
        memory_bank: dict,
        contrastive_loss: dict,
        denoise: bool = False,
        unlabeled_loss: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            *args,
            memory_bank=dict(momentum=0.0) | memory_bank,
            contrastive_loss=dict(type='U2PLOfficialContrastiveLoss')
            | contrastive_loss,
            denoise=denoise,
            unlabeled_loss=unlabeled_loss
            or dict(type='CrossEntropyLoss', avg_non_ignore=True),
            **kwargs,
        )
        averages = getattr(self.unlabeled_criterion, 'avg_non_ignore', False)
        for setting, fits in (
            ('memory_bank.momentum=0', self.memory_bank.momentum == 0),
            ('denoise=False', not denoise),
            ('masked_view=None', self.masking is None),
            ('unlabeled_loss.avg_non_ignore=True', averages),
        ):
            if not fits:
                raise ValueError(
                    f"U2PLOfficialEncoderDecoder is U2PL's code: set {setting}, or "
                    'take U2PLEncoderDecoder'
                )

    def warmup_views(self, batch: MixedBatch) -> tuple[TeacherView, list[TeacherView]]:
        """As the base class; the teacher's statistics follow."""
        labeled, strong = super().warmup_views(batch)
        self.teacher_outputs(
            labeled.images if len(labeled) else batch.unlabeled, 'train'
        )
        return labeled, strong

    def views(self, batch: MixedBatch) -> tuple[TeacherView, list[TeacherView]]:
        """Label and mix, then let the teacher see what the student will see."""
        labeled = TeacherView(batch.labeled, batch.truth())
        mixed = self.strong_views(self.weak_view(batch), labeled)
        images = torch.cat([view.images for view in mixed])
        labels = torch.cat([view.labels for view in mixed])
        valid = labels != 255
        labeled, seen = self.observe(labeled, images, valid, labels, mode='train')
        strong = [
            self.weigh(replace(part, weights=view.weights), all_processes=False)
            for part, view in zip(split_view(seen, len(mixed)), mixed, strict=True)
        ]
        return labeled, strong

    def partition(
        self, entropy: Tensor, valid: Tensor, all_processes: bool = False
    ) -> EntropySplit:
        """Tell the pixels apart with the code's symmetric tails for the contrast."""
        share = self.unreliable_share()
        pixels = split_by_entropy(entropy, share, valid, 'official', all_processes)
        return pixels._replace(surest=pixels.anchors)

    def label_maps(
        self,
        size: Sequence[int],
        truth: Tensor,
        labels: Tensor,
        counted: Tensor | None = None,
    ) -> Tensor:
        """Classes of all pixels, as the code's one-hot map has them.

        Args:
            size: As for the base class.
            truth: See there.
            labels: See there.
            counted: See there.

        Returns:
            Bool (L + U, C, h, w).
        """
        maps = [
            classes_in_first_image(nearest_pixels(part, size), self.num_classes)
            for part in (truth, labels)
        ]
        member = torch.cat(maps)
        if counted is None:
            return member
        return member & small_maps(size, truth != 255, counted)[:, None]
