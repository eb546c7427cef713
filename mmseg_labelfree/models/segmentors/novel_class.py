"""Segmentor that learns novel classes from cluster labels and from a teacher."""

import math
from collections.abc import Sequence
from typing import Literal

from mmengine.logging import MessageHub
from mmseg.registry import MODELS
from mmseg.utils import add_prefix
from torch import Tensor, nn

from ...utils.choices import check_choice
from .mean_teacher import MeanTeacherEncoderDecoder
from .mixed_batch import MixedBatch


@MODELS.register_module()
class NovelClassEncoderDecoder(MeanTeacherEncoderDecoder):
    r"""EUMS: entropy-based uncertainty modelling and self-training.

    arXiv:2112.01900, eq. 8-10. Base images have labels, clean novel images those of
    their clusters, and unclean ones those of a moving-average teacher:

    .. math:: L = L_{base} + L_{clean} + \omega(t) L_{unclean},
        \qquad \omega(t) = \omega e^{-5 (1 - \min(t / T, 1))^2}

    Each term is averaged over its own images. A :class:`MeanTeacherEncoderDecoder`
    otherwise, whose ``threshold`` is the paper's eta and whose ``unlabeled_weight`` is
    omega. Without unclean images it is the paper's basic framework (eq. 5) and needs
    no teacher; without clean ones it is the base training (eq. 1).

    Args:
        labeled_sources: Sources with labels; each has a loss of its own.
        unlabeled_sources: Sources that the teacher labels; ``()`` for none.
        ramp_up: T, epochs until the teacher's labels have their whole weight. Epochs
            are counted whole, as both the paper and the authors' code do, and are as
            long as the sampler's (``SamplerStateHook`` tells it).
        ramp_by_epoch: False counts T in iterations.
        variant: 'official': the labelled losses are averaged over their sources, for
            EUMS half of each, as the authors' code does. 'paper': they are added up
            (eq. 5 and 10).
        strong_view: Default the authors' colour jitter; see
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
        if strong_view is None:
            strong_view = dict(jitter_prob=1.0, grayscale_prob=0.0, blur_prob=0.0)
        super().__init__(
            *args,
            labeled_sources=labeled_sources,
            unlabeled_sources=unlabeled_sources,
            strong_view=strong_view,
            **kwargs,
        )
        self.ramp_up = ramp_up
        self.ramp_by_epoch = ramp_by_epoch
        self.variant = variant

    def unlabeled_loss(self, logits: Tensor, batch: MixedBatch) -> dict[str, Tensor]:
        """Compare with the teacher's labels, with the weight of this moment."""
        weight = self._ramp()
        return {
            name: weight * value if 'loss' in name else value
            for name, value in super().unlabeled_loss(logits, batch).items()
        }

    def _head_loss(
        self, head: nn.Module, logits: Tensor, batch: MixedBatch, name: str
    ) -> dict[str, Tensor]:
        rows: dict[str, list[int]] = {}
        for row, sample in enumerate(batch.labeled_samples):
            source = sample.metainfo.get('source') or self.labeled_sources[0]
            rows.setdefault(source, []).append(row)
        if not rows:
            return super()._head_loss(head, logits, batch, name)
        weight = 1 / len(rows) if self.variant == 'official' else 1.0
        losses = {}
        for source, members in rows.items():
            samples = [batch.labeled_samples[row] for row in members]
            part = head.loss_by_feat(logits[members], samples)
            part = {k: weight * v if 'loss' in k else v for k, v in part.items()}
            losses.update(add_prefix(part, f'{name}_{source}'))
        return losses

    def _ramp(self) -> float:
        """Factor of the teacher's loss at this moment, 0.0067 to 1."""
        if self.ramp_up <= 0:
            return 1.0
        hub = MessageHub.get_current_instance()
        moment = hub.get_info('iter', 0)
        if self.ramp_by_epoch:
            length = hub.get_info('batches_per_epoch', 0)
            moment = moment // length if length else hub.get_info('epoch', 0)
        return math.exp(-5 * (1 - min(moment / self.ramp_up, 1)) ** 2)
