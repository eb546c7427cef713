"""Segmentor of U2PL and U2PL+: unreliable pseudo-labels as negatives."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import torch
from mmengine.logging import MessageHub
from mmseg.models import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.utils import SampleList
from torch import Tensor

from ...ops.prototypes import prototype_log_weights
from ...ops.reliability import (
    EntropySplit,
    nearest_pixels,
    reliable_pixel_weight,
    split_by_entropy,
    unreliable_share,
)
from ...utils.choices import check_choice, check_range
from .mean_teacher import MeanTeacherEncoderDecoder
from .mixed_batch import MixedBatch, real_pixels
from .network_outputs import NetworkOutputs
from .teacher_view import TeacherView

TARGET_NEGATIVES = ('reliable', 'surest', 'unreliable')


@MODELS.register_module()
class U2PLEncoderDecoder(MeanTeacherEncoderDecoder):
    r"""Segmentor that learns from unreliable pseudo-labels, too: U2PL+.

    The objective is (U2PL+, eq. 9; https://arxiv.org/abs/2306.02314)

    .. math:: L = L_s + \lambda_u L_u + \lambda_c L_c

    The teacher's pixels of high entropy are no pseudo-labels (U2PL+, eq. 11-13). They
    are negatives instead, for the classes that they hardly belong to, in a contrastive
    loss :math:`L_c` between pixels of the student and prototypes of the teacher (U2PL+,
    eq. 10, 15-28); the prototypes also correct the pseudo-labels (U2PL+, eq. 19-20).
    :math:`L_u` is weighted by the inverse share of reliable pixels (U2PL+, eq. 14).
    Every part can be left out (Table 4).

    The teacher sees labeled images and weak views once, in one pass. What it said of
    the weak views is then mixed with the same masks as the images, so that it fits
    the student's view. Anything between the passes has the size of the embeddings, with
    labels and masks taken by the nearest pixel. The order of the authors' code is
    another one: :class:`U2PLOfficialEncoderDecoder`.

    Args:
        representation_head: A ``RepresentationHead``. None, with ``contrastive_loss``
            None and ``denoise`` False, leaves entropy-filtered pseudo-labels.
        memory_bank: A ``PrototypeMemoryBank`` of as many classes.
        contrastive_loss: A ``MemoryBankContrastiveLoss``, or None for no :math:`L_c`.
        denoise: Correct pseudo-labels by the prototypes (U2PL+; not in U2PL).
        unreliable: :math:`\alpha_0`, share of unreliable pixels at the start.
        dynamic_partition: Let that share fall to 0 over the training (U2PL+, eq. 13),
            here in every iteration; the paper steps once an epoch, 1/80 of its range.
        entropy_filter: Leave the unreliable pixels out of :math:`L_u` (U2PL+, eq. 12);
            otherwise they only have no part in prototypes and anchors.
        adaptive_weight: Weight :math:`L_u` (U2PL+, eq. 14). Without it :math:`L_u` is
            the mean over all pixels, ignored ones included.
        negatives: Which pixels enter the bank, of 'labeled', 'reliable' (those below
            the entropy threshold), 'surest' (of the lowest entropy, as many as are
            unreliable; R in Tables 3 and 12) and 'unreliable' (U there).
        **kwargs: As for :class:`MeanTeacherEncoderDecoder`.

    Raises:
        ValueError: A part is missing that another one needs.

    Example:
        See ``configs/_base_/methods/u2pl.py``.
    """

    not_in_teacher = ('memory_bank', 'contrastive_loss', 'feature_distance')

    def __init__(
        self,
        *args,
        representation_head: dict | None = None,
        memory_bank: dict | None = None,
        contrastive_loss: dict | None = None,
        denoise: bool = True,
        unreliable: float = 0.2,
        dynamic_partition: bool = True,
        entropy_filter: bool = True,
        adaptive_weight: bool = True,
        negatives: Sequence[str] = ('labeled', 'unreliable'),
        **kwargs,
    ) -> None:
        check_range(0, 1, unreliable=unreliable)
        super().__init__(*args, **kwargs)
        for kind in negatives:
            check_choice('negatives', kind, ('labeled', *TARGET_NEGATIVES))
        embeds = [part is not None for part in (representation_head, memory_bank)]
        if any(embeds) != all(embeds):
            raise ValueError('representation_head and memory_bank need each other')
        if (contrastive_loss is not None or denoise) and not all(embeds):
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
        self.entropy_filter = entropy_filter
        self.adaptive_weight = adaptive_weight
        self.negatives = tuple(negatives)

    def views(self, batch: MixedBatch) -> tuple[TeacherView, list[TeacherView]]:
        """The labeled images and the strong views, learned about by the teacher."""
        labeled, weak = self.observe(
            TeacherView(batch.labeled, batch.truth()),
            batch.unlabeled,
            real_pixels(batch.unlabeled, batch.unlabeled_samples),
        )
        strong = self.strong_views(weak, labeled)
        return labeled, [self.weigh(view) for view in strong]

    @torch.no_grad()
    def observe(
        self,
        labeled: TeacherView,
        images: Tensor,
        valid: Tensor,
        labels: Tensor | None = None,
        mode: Literal['eval', 'train', 'train_norm'] | None = None,
    ) -> tuple[TeacherView, TeacherView]:
        """Run the teacher over labeled and unlabeled images, and fill the bank.

        Every process must call it.

        Args:
            labeled: The L labeled images.
            images: The unlabeled ones (U, 3, H, W), as the teacher shall see them.
            valid: Bool (U, H, W), where they show an image.
            labels: Their labels (U, H, W), if they are not to be made here.
            mode: Mode of the teacher; defaults to ``teacher_mode``.

        Returns:
            The labeled images, with ``logits`` and ``anchors``; and the others, with
            the labels of their reliable pixels, too.
        """
        # Predict: one pass over all of them, or one for each side.
        num = len(labeled)
        outputs = self.teacher_passes((labeled.images, images), mode)
        logits = outputs.logits[num:]
        weights = self.pixel_weights(logits, valid)
        valid = self.inner_rows(valid)
        predicted, entropy = self.pseudo_labels(logits, valid)
        labels = predicted if labels is None else labels
        # EntropySplit: the unlabeled pixels by their entropy (U2PL+, eq. 11-13).
        pixels = self.partition(entropy, valid)
        reliable = labels.masked_fill(~pixels.reliable, 255)
        embeddings = outputs.embeddings
        if embeddings is None:
            taught = reliable if self.entropy_filter else labels
            return labeled, TeacherView(images, taught, weights)
        # Update the prototypes (U2PL+, eq. 15-18), which correct the labels.
        size = embeddings.shape[2:]
        both = _small(size, labeled.labels, reliable)
        self.memory_bank.update_prototypes(embeddings, both)
        if self.denoise:
            labels = self.denoised_labels(logits, embeddings[num:], valid)
            reliable = labels.masked_fill(~pixels.reliable, 255)
        taught = reliable if self.entropy_filter else labels
        # Update the queues of negatives (U2PL+, eq. 25-28).
        small = outputs.logits
        if small.shape[2:] != size:
            small = self.to_size(small, embeddings)
        self.push_negatives(embeddings, small, labeled.labels, labels, pixels)
        anchors = labels.masked_fill(~pixels.anchors, 255)
        both = _small(size, labeled.labels, anchors)
        return (
            replace(labeled, logits=small[:num], anchors=both[:num]),
            TeacherView(images, taught, weights, small[num:], both[num:]),
        )

    def partition(
        self, entropy: Tensor, valid: Tensor, all_processes: bool = True
    ) -> EntropySplit:
        """Tell reliable pixels from unreliable ones (U2PL+, eq. 12-13).

        Args:
            entropy: Of the teacher's predictions (U, H, W), in nats.
            valid: Bool (U, H, W), where there is an image.
            all_processes: Over the images of all processes, which all must call this.
        """
        share = self.unreliable_share()
        pixels = split_by_entropy(entropy, share, valid, all_processes=all_processes)
        if 'surest' in self.negatives:
            low = split_by_entropy(
                entropy, 1 - share, valid, all_processes=all_processes
            )
            pixels = pixels._replace(surest=low.reliable)
        return pixels

    def unreliable_share(self) -> float:
        """Share of unreliable pixels in this iteration, 0 to 1 (U2PL+, eq. 13)."""
        hub = MessageHub.get_current_instance()
        total = hub.get_info('max_iters', 0)
        if not (total and self.dynamic_partition):
            return self.unreliable
        return unreliable_share(hub.get_info('iter', 0), total, self.unreliable)

    def denoised_labels(
        self, logits: Tensor, embeddings: Tensor, valid: Tensor
    ) -> Tensor:
        """Pseudo-labels (U, H, W), corrected by the prototypes (U2PL+, eq. 19-20).

        Args:
            logits: The teacher's (U, C, h, w).
            embeddings: The teacher's (U, D, h', w').
            valid: Bool (U, H, W), where there is an image.
        """
        bank = self.memory_bank
        weights = prototype_log_weights(embeddings, bank.prototypes, bank.known)
        return self.pseudo_labels(logits, valid, weights)[0]

    def push_negatives(
        self,
        embeddings: Tensor,
        logits: Tensor,
        truth: Tensor,
        labels: Tensor,
        pixels: EntropySplit,
    ) -> None:
        """Append negatives of the kinds in ``negatives`` to the bank's queues.

        Args:
            embeddings: The teacher's (L + U, D, h, w).
            logits: The teacher's (L + U, C, h, w).
            truth: Labels of the labeled images (L, H, W).
            labels: Labels of the others (U, H, W), unreliable ones included.
            pixels: EntropySplit of these.
        """
        if self.contrastive_loss is None:
            return
        size = embeddings.shape[2:]
        candidates = torch.zeros_like(pixels.unreliable)
        for kind in {*TARGET_NEGATIVES} & {*self.negatives}:
            candidates |= getattr(pixels, kind)
        none = torch.zeros_like(truth, dtype=torch.bool)
        if 'labeled' not in self.negatives:
            truth = torch.full_like(truth, 255)
        self.contrastive_loss.push_negatives(
            self.memory_bank,
            embeddings,
            logits,
            _small(size, truth, labels),
            _small(size, none, candidates),
            len(truth),
        )

    def weigh(self, view: TeacherView, all_processes: bool = True) -> TeacherView:
        """Set the weight of a view by its share of reliable pixels (U2PL+, eq. 14)."""
        if not self.adaptive_weight:
            return view
        weight = reliable_pixel_weight(view.labels, all_processes=all_processes)
        return replace(view, loss_weight=view.loss_weight * weight)

    def decode(
        self, network: EncoderDecoder, features: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor | None]:
        """Logits and, with a representation head, embeddings, both before resizing."""
        head = network.representation_head
        if head is None:
            return super().decode(network, features)
        with head.recording(network.decode_head) as recorded:
            logits = network.decode_head(features)
        return logits, head(recorded[0])

    def extra_losses(
        self,
        outputs: NetworkOutputs,
        labeled: TeacherView,
        strong: Sequence[TeacherView],
    ) -> dict[str, Tensor]:
        """The contrastive loss; zero, but attached, while there is no teacher yet."""
        if outputs.embeddings is None:
            return {}
        if self.contrastive_loss is None or labeled.logits is None:
            return {'contrast.loss_none': 0 * outputs.embeddings.float().mean()}
        views = [labeled, *strong]
        logits = [view.logits for view in views if view.logits is not None]
        anchors = torch.cat([v.anchors for v in views if v.anchors is not None])
        loss = self.contrastive_loss(
            outputs.embeddings,
            torch.cat(logits),
            anchors,
            anchors != 255,
            self.memory_bank,
        )
        return {f'contrast.{self.contrastive_loss.loss_name}': loss}

    @torch.no_grad()
    def pseudo_label_maps(
        self, images: Tensor, data_samples: SampleList
    ) -> dict[str, Tensor]:
        """As the base class; with the percentile of these images alone."""
        outputs = self.teacher_outputs(images, 'eval')
        real = real_pixels(images, data_samples)
        labels, entropy = self.pseudo_labels(outputs.logits, real)
        if self.denoise and outputs.embeddings is not None:
            labels = self.denoised_labels(outputs.logits, outputs.embeddings, real)
        reliable = self.partition(entropy, real, all_processes=False).reliable
        return {'pseudo-label': labels.masked_fill(~reliable, 255), 'entropy': entropy}


def _build(cfg: dict | None) -> Any:
    return None if cfg is None else MODELS.build(cfg)


def _small(size: Sequence[int], labeled: Tensor, unlabeled: Tensor) -> Tensor:
    """Maps of the two parts, one after the other, at the size of the embeddings."""
    return torch.cat([nearest_pixels(m, size) for m in (labeled, unlabeled)])
