"""Segmentor of U2PL in the order of its authors' code."""

from dataclasses import replace

import torch
from mmseg.registry import MODELS
from torch import Tensor

from ...ops.reliability import EntropySplit, split_by_entropy
from .mixed_batch import MixedBatch
from .teacher_view import TeacherView, split_view
from .u2pl import U2PLEncoderDecoder


@MODELS.register_module()
class U2PLOfficialEncoderDecoder(U2PLEncoderDecoder):
    """Segmentor that learns in the order of U2PL's code, for comparison.

    Where github.com/Haochen-Wang409/U2PL differs from the papers: pseudo-labels come
    from one pass of the teacher on the weak views. A second pass, in train mode and on
    labeled and mixed images, gives entropy, prototypes and negatives. Percentile and
    adaptive weight are those of each process by itself. Loss and bank have their
    own settings, see
    :class:`~mmseg_labelfree.models.losses.MemoryBankContrastiveLoss`.

    Args:
        **kwargs: As for :class:`U2PLEncoderDecoder`. The code has no
            ``denoise``.

    Example:
        ``model=dict(type='U2PLOfficialEncoderDecoder', denoise=False,
        contrastive_loss=dict(variant='official'), memory_bank=dict(momentum=0))``
    """

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
