"""Segmentor of U2PL and U2PL+: unreliable pseudo-labels as negatives."""

from collections.abc import Sequence
from typing import Literal

import torch
from mmengine.logging import MessageHub
from mmseg.registry import MODELS
from mmseg.utils import SampleList
from torch import Tensor

from ...ops.entropy import softmax_entropy
from ...ops.mixing import blank, mix
from ...ops.prototypes import denoised_logits, prototype_log_weights
from ...ops.reliability import (
    Partition,
    nearest_pixels,
    reliable_pixel_weight,
    split_by_entropy,
    unreliable_share,
)
from ...utils.choices import check_choice
from .mean_teacher import MeanTeacherEncoderDecoder
from .mixed_batch import MixedBatch, real_pixels


@MODELS.register_module()
class U2PLEncoderDecoder(MeanTeacherEncoderDecoder):
    r"""U2PL+, semi-supervised (https://arxiv.org/abs/2306.02314, section 3).

    .. math:: L = L_s + \lambda_u L_u + \lambda_c L_c

    The teacher's pixels of high entropy are no pseudo-labels (eq. 11-13). They are
    negatives instead, for the classes that they hardly belong to, in a contrastive loss
    :math:`L_c` between pixels of the student and prototypes of the teacher (eq. 10,
    15-28); the prototypes also correct the pseudo-labels (eq. 19-20). :math:`L_u` is
    weighted by the inverse share of reliable pixels (eq. 14). Every part can be left
    out (Table 4).

    The teacher sees labelled images and weak views once, in one pass. What it said of
    the weak views is then mixed with the same masks as the images, so that it fits
    the student's view. Anything between the passes has the size of the embeddings, with
    labels and masks taken by the nearest pixel.

    With ``variant='official'`` the order is that of the authors' code: pseudo-labels
    from one pass on the weak views, then a second pass on labelled and mixed images, in
    train mode, for entropy, prototypes and negatives; percentile and weight of each
    process by itself. Loss and bank have their own settings for it, see
    :class:`~mmseg_labelfree.models.losses.MemoryBankContrastiveLoss`.

    Args:
        representation_head: A ``RepresentationHead``. None, with ``contrastive_loss``
            None and ``denoise`` False, leaves entropy-filtered pseudo-labels.
        memory_bank: A ``PrototypeMemoryBank`` of as many classes.
        contrastive_loss: A ``MemoryBankContrastiveLoss``, or None for no :math:`L_c`.
        denoise: Correct pseudo-labels by the prototypes (U2PL+; not in U2PL).
        unreliable: :math:`\alpha_0`, share of unreliable pixels at the start.
        dynamic_partition: Let that share fall to 0 over the training (eq. 13), here
            with every iteration; the paper steps once an epoch, 1/80 of its range.
        adaptive_weight: Weight :math:`L_u` by eq. 14. Without it :math:`L_u` is the
            mean over all pixels, ignored ones included.
        negatives: Which pixels enter the bank, of 'labeled', 'reliable' (those with a
            pseudo-label) and 'unreliable' (Table 3).
        variant: 'paper' or 'official'.
        **kwargs: As for :class:`MeanTeacherEncoderDecoder`.

    Raises:
        ValueError: A part is missing that another one needs.

    Example:
        See ``configs/_base_/methods/u2pl.py``.
    """

    not_in_teacher = ('memory_bank', 'contrastive_loss')
    teaches_labeled = True

    def __init__(
        self,
        *args,
        representation_head: dict | None = None,
        memory_bank: dict | None = None,
        contrastive_loss: dict | None = None,
        denoise: bool = True,
        unreliable: float = 0.2,
        dynamic_partition: bool = True,
        adaptive_weight: bool = True,
        negatives: Sequence[str] = ('labeled', 'unreliable'),
        variant: Literal['paper', 'official'] = 'paper',
        **kwargs,
    ) -> None:
        super().__init__(*args, **kwargs)
        check_choice('variant', variant, ('paper', 'official'))
        for kind in negatives:
            check_choice('negatives', kind, ('labeled', 'reliable', 'unreliable'))
        embeds = representation_head is not None and memory_bank is not None
        if (contrastive_loss is not None or denoise) and not embeds:
            raise ValueError(
                'contrastive_loss and denoise need a representation_head and a '
                'memory_bank; without these set contrastive_loss=None and denoise=False'
            )
        # With or without this head a seed gives the other parts the same start, so that
        # methods can be compared.
        with torch.random.fork_rng(devices=()):
            self.representation_head = _build(representation_head)
        self.memory_bank = _build(memory_bank)
        self.contrastive_loss = _build(contrastive_loss)
        self.denoise = denoise
        self.unreliable = unreliable
        self.dynamic_partition = dynamic_partition
        self.adaptive_weight = adaptive_weight
        self.negatives = tuple(negatives)
        self.variant = variant

    def label_unlabeled(self, batch: MixedBatch) -> None:
        """Pseudo-labels of the reliable pixels; prototypes and negatives."""
        if self.variant == 'official':
            super().label_unlabeled(batch)
        else:
            self._observe(batch, batch.unlabeled)

    def make_strong_view(self, batch: MixedBatch) -> None:
        """Mix images and labels, and what the teacher said of them."""
        super().make_strong_view(batch)
        if self.variant == 'official':
            self._observe(batch, batch.strong, batch.labels)
        elif batch.masks is not None and 'labels' in batch.extra:
            self._mix_observation(batch)
        if self.adaptive_weight:
            batch.extra['weight'] = reliable_pixel_weight(
                batch.labels, all_processes=self.variant == 'paper'
            )

    @torch.no_grad()
    def explain(self, images: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """As the base class; with the percentile of these images alone."""
        with self.teaching() as teacher:
            logits, embeddings = _decode(teacher, teacher.extract_feat(images))
        logits = self._to_size(logits, images)
        entropy = softmax_entropy(logits)
        part = split_by_entropy(
            entropy,
            self._unreliable_share(),
            real_pixels(images, data_samples),
            self.variant,
            all_processes=False,
        )
        labels = logits.argmax(1)
        if self.denoise:
            labels = self._denoised(logits, embeddings)
        labels = labels.masked_fill(~part.reliable, 255)
        return {'pseudo-label': labels, 'entropy': entropy}

    def student_logits(self, features: Sequence[Tensor], batch: MixedBatch) -> Tensor:
        """The decode head's logits; embeds the pixels along with it."""
        logits, batch.extra['embeddings'] = _decode(self, features)
        return logits

    def unlabeled_loss(self, logits: Tensor, batch: MixedBatch) -> dict[str, Tensor]:
        """Compare the student's logits with the pseudo-labels, weighted by eq. 14."""
        losses = super().unlabeled_loss(logits, batch)
        if self.adaptive_weight:
            for name in losses:
                if 'loss' in name:
                    losses[name] = batch.extra['weight'] * losses[name]
        return losses

    def extra_losses(
        self, features: Sequence[Tensor], logits: Tensor, batch: MixedBatch
    ) -> dict[str, Tensor]:
        """The contrastive loss; zero, but attached, while there is no teacher yet."""
        if self.representation_head is None:
            return {}
        embeddings, seen = batch.extra['embeddings'], batch.extra
        if self.contrastive_loss is None or 'labels' not in seen:
            return {'contrast.loss_none': 0 * embeddings.float().mean()}
        loss = self.contrastive_loss(
            embeddings,
            seen['logits'],
            seen['labels'],
            seen['anchors'],
            self.memory_bank,
        )
        return {f'contrast.{self.contrastive_loss.loss_name}': loss}

    @torch.no_grad()
    def _observe(
        self, batch: MixedBatch, images: Tensor, given: Tensor | None = None
    ) -> None:
        """Run the teacher on the labelled images and ``images``, and learn from it.

        Sets ``batch.labels``, and in ``batch.extra`` the maps that the contrast needs:
        ``logits``, ``labels`` and ``anchors`` of both parts. Updates the bank.

        Args:
            batch: Taken from and added to.
            images: Views of its unlabelled images.
            given: Labels of these views, if they are not to be made here.
        """
        num = batch.num_labeled
        with self.teaching() as teacher:
            if self.variant == 'official':
                teacher.train()
            both = torch.cat([batch.labeled, images])
            logits, embeddings = _decode(teacher, teacher.extract_feat(both))
        unlabeled = self._to_size(logits[num:], images)
        real = (
            given != 255
            if given is not None
            else (real_pixels(images, batch.unlabeled_samples))
        )
        part = split_by_entropy(
            softmax_entropy(unlabeled),
            self._unreliable_share(),
            real,
            self.variant,
            all_processes=self.variant == 'paper',
        )
        certain = labels = unlabeled.argmax(1) if given is None else given
        truth = batch.truth()
        if embeddings is not None:
            size = embeddings.shape[2:]
            self.memory_bank.update_prototypes(
                embeddings,
                _small(size, truth, certain.masked_fill(~part.reliable, 255)),
            )
            if self.denoise:
                labels = self._denoised(unlabeled, embeddings[num:])
            labels = labels.masked_fill(~real, 255)
            self._fill_bank(batch, logits, embeddings, truth, labels, part)
        batch.labels = labels.masked_fill(~part.reliable, 255)

    def _denoised(self, logits: Tensor, embeddings: Tensor) -> Tensor:
        """Classes (N, H, W) by the logits, corrected by the prototypes (eq. 19-20)."""
        bank = self.memory_bank
        weights = prototype_log_weights(embeddings, bank.prototypes, bank.known)
        return denoised_logits(logits, weights, self.align_corners).argmax(1)

    def _fill_bank(
        self,
        batch: MixedBatch,
        logits: Tensor,
        embeddings: Tensor,
        truth: Tensor,
        labels: Tensor,
        part: Partition,
    ) -> None:
        size = embeddings.shape[2:]
        if logits.shape[2:] != size:
            logits = self._to_size(logits, embeddings)
        every = torch.ones_like(truth, dtype=torch.bool)
        batch.extra.update(
            logits=logits,
            labels=_small(size, truth, labels),
            anchors=_small(size, every, part.anchors),
        )
        if self.contrastive_loss is None:
            return
        candidates = torch.zeros_like(part.unreliable)
        for kind in {'reliable', 'unreliable'} & {*self.negatives}:
            candidates |= getattr(part, kind)
        if 'labeled' not in self.negatives:
            truth = torch.full_like(truth, 255)
        self.contrastive_loss.push_negatives(
            self.memory_bank,
            embeddings,
            logits,
            _small(size, truth, labels),
            _small(size, ~every, candidates),
            batch.num_labeled,
        )

    def _mix_observation(self, batch: MixedBatch) -> None:
        """Mix the unlabelled part of what the teacher saw like the images."""
        num, seen = batch.num_labeled, batch.extra
        masks = nearest_pixels(batch.masks, seen['labels'].shape[1:])
        if self.mixing == 'cutout':
            blanked = blank(masks, seen['labels'][num:], 255)
            seen['labels'] = torch.cat([seen['labels'][:num], blanked])
            return
        for name in ('logits', 'labels', 'anchors'):
            (mixed,) = mix(masks, seen[name][num:])
            seen[name] = torch.cat([seen[name][:num], mixed])

    def _unreliable_share(self) -> float:
        hub = MessageHub.get_current_instance()
        total = hub.get_info('max_iters', 0)
        if not (total and self.dynamic_partition):
            return self.unreliable
        return unreliable_share(hub.get_info('iter', 0), total, self.unreliable)


def _build(cfg: dict | None):
    return None if cfg is None else MODELS.build(cfg)


def _decode(
    model: U2PLEncoderDecoder, features: Sequence[Tensor]
) -> tuple[Tensor, Tensor | None]:
    """Logits and, with a representation head, embeddings, both before resizing."""
    head = model.representation_head
    if head is None:
        return model.decode_head(features), None
    with head.recording(model.decode_head) as recorded:
        logits = model.decode_head(features)
    return logits, head(recorded[0])


def _small(size: tuple[int, int], labeled: Tensor, unlabeled: Tensor) -> Tensor:
    """Maps of the two parts, one after the other, at the size of the embeddings."""
    return torch.cat([nearest_pixels(m, size) for m in (labeled, unlabeled)])
