"""Segmentor that learns novel classes from cluster labels and from a teacher."""

import math
from collections.abc import Sequence
from typing import Literal

from mmengine.logging import MessageHub
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from mmseg.utils import add_prefix
from torch import Tensor

from ...utils.choices import check_choice, check_range
from ..losses.pixel_losses import head_losses
from ..utils.head_checks import needs_output_per_class
from .mean_teacher import MeanTeacherEncoderDecoder
from .mixed_batch import MixedBatch, rows_by_source
from .teacher_view import TeacherView


@MODELS.register_module()
class NovelClassEncoderDecoder(MeanTeacherEncoderDecoder):
    r"""Segmentor that learns base and novel classes together: EUMS.

    Entropy-based uncertainty modeling and self-training (EUMS, eq. 8-10;
    https://arxiv.org/abs/2112.01900). Base images have labels, clean novel images those
    of their clusters, and unclean ones those of a moving-average teacher:

    .. math:: L = L_{base} + L_{clean} + \omega(t) L_{unclean},
        \qquad \omega(t) = \omega e^{-5 (1 - \min(t / T, 1))^2}

    Each term is averaged over its own images. A :class:`MeanTeacherEncoderDecoder`
    otherwise, whose ``threshold`` is the paper's eta and whose ``unlabeled_weight`` is
    omega. Without unclean images it is the paper's basic framework (EUMS, eq. 5) and
    needs no teacher; without clean ones it is the base training (EUMS, eq. 1). The
    authors' student runs once for each source, and their teacher, in train mode, over
    the unclean images alone: ``student_passes='per_source', teacher_mode='train'``.

    Args:
        labeled_sources: Sources with labels; each has a loss of its own.
        unlabeled_sources: Sources that the teacher labels; ``()`` for none.
        ramp_up: T, epochs until the teacher's labels have their whole weight. Epochs
            are counted whole, as both the paper and the authors' code do, and are as
            long as the sampler's (``SamplerStateHook`` tells it).
        ramp_by_epoch: False counts T in iterations.
        variant: 'official': the labeled losses are averaged over their sources, for
            EUMS half of each, as the authors' code does. 'paper': they are added up
            (EUMS, eq. 5 and 10).
        strong_view: Defaults to the authors' color jitter; see
            :class:`MeanTeacherEncoderDecoder`.
        **kwargs: As for :class:`MeanTeacherEncoderDecoder`.

    Raises:
        ValueError: ``variant`` is unknown.

    Example:
        ``model=dict(type='NovelClassEncoderDecoder')`` and
        ``custom_hooks=[dict(type='SamplerStateHook'), dict(type='EMATeacherHook')]``
    """

    def __init__(
        self,
        *args,
        labeled_sources: Sequence[str] = ('base', 'clean'),
        unlabeled_sources: Sequence[str] = ('unclean',),
        ramp_up: float = 5.0,
        ramp_by_epoch: bool = True,
        variant: Literal['official', 'paper'] = 'official',
        strong_view: dict | None = None,
        **kwargs,
    ) -> None:
        check_choice('variant', variant, ('official', 'paper'))
        check_range(0, ramp_up=ramp_up)
        if strong_view is None:
            strong_view = dict(jitter_prob=1.0, grayscale_prob=0.0, blur_prob=0.0)
        super().__init__(
            *args,
            labeled_sources=labeled_sources,
            unlabeled_sources=unlabeled_sources,
            strong_view=strong_view,
            **kwargs,
        )
        needs_output_per_class(self)
        self.ramp_up = ramp_up
        self.ramp_by_epoch = ramp_by_epoch
        self.variant = variant

    @property
    def counts_epochs(self) -> bool:
        """Whether a loss depends on the epoch."""
        return self.ramp_by_epoch and self.ramp_up > 0 and bool(self.unlabeled_sources)

    def head_loss(
        self, name: str, head: BaseDecodeHead, logits: Tensor, batch: MixedBatch
    ) -> dict[str, Tensor]:
        """A head's losses on the labeled samples, source by source."""
        rows = rows_by_source(batch.labeled_sources, self.labeled_sources)
        weight = 1 / len(rows) if self.variant == 'official' else 1.0
        losses: dict[str, Tensor] = {}
        for source, members in rows.items():
            samples = [batch.labeled_samples[row] for row in members]
            part = head_losses(head, logits[members], samples)
            losses.update(add_prefix(weighted(part, weight), f'{name}_{source}'))
        return losses

    def unlabeled_loss(
        self, logits: Tensor, strong: Sequence[TeacherView]
    ) -> dict[str, Tensor]:
        """Compare with the teacher's labels, with the weight of this moment."""
        return weighted(super().unlabeled_loss(logits, strong), self.ramp())

    def ramp(self) -> float:
        r"""Factor of the teacher's loss at this moment, 0.0067 to 1 (EUMS, eq. 10)."""
        if self.ramp_up <= 0:
            return 1.0
        hub = MessageHub.get_current_instance()
        moment = hub.get_info('iter', 0)
        if self.ramp_by_epoch:
            length = hub.get_info('batches_per_epoch', 0)
            moment = moment // length if length else hub.get_info('epoch', 0)
        return math.exp(-5 * (1 - min(moment / self.ramp_up, 1)) ** 2)


def weighted(losses: dict[str, Tensor], weight: float) -> dict[str, Tensor]:
    """Multiply the losses, and nothing else that is logged with them."""
    return {k: weight * v if 'loss' in k else v for k, v in losses.items()}
