"""Segmentor that contrasts pixels of two domains with class distributions: SePiCo."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub
from mmseg.registry import MODELS
from mmseg.utils import SampleList
from torch import Tensor

from ...ops.probabilities import full_precision
from ...utils.choices import check_range
from ..utils.head_checks import needs_statistics_of_size
from ..utils.recording import recorded_inputs
from .mean_teacher import MeanTeacherEncoderDecoder
from .mixed_batch import MixedBatch, real_pixels
from .network_outputs import NetworkOutputs, join
from .target_crop import TargetCrop
from .teacher_view import TeacherView

_TARGET = 'target'


@MODELS.register_module()
class SePiCoEncoderDecoder(MeanTeacherEncoderDecoder):
    r"""Segmentor that pulls pixels of both domains to the source's classes: SePiCo.

    DistCL of https://arxiv.org/abs/2204.08808, on DAFormer. To the losses of
    :class:`MeanTeacherEncoderDecoder`, with labels on the source and pseudo-labels on
    mixed images, comes a contrast of the student's embeddings with the distributions
    of the classes, once for the source by its labels and once for the target by its
    pseudo-labels of weight above 0:

    .. math:: L = L_s + L_u + L_c^{source} + L_c^{target}

    The distributions are those of the teacher's embeddings of the source. The teacher
    sees images in their own colors; the student sees source, target and mixed ones
    after one strong view, which ``whole_batch=True`` decides upon once for them all.

    The target passes through the encoder and the representation head alone, the mixed
    images do without that head.

    Args:
        representation_head: A ``MultiLevelRepresentationHead``, or another head that is
            called with the outputs of the encoder.
        class_statistics: A ``ClassStatistics`` of as many classes and channels.
        contrastive_loss: A ``DistributionContrastiveLoss``.
        contrast_start: Iteration from which on there is contrast. The statistics begin
            with the first one.
        target_crop: Arguments of
            :class:`~mmseg_labelfree.models.segmentors.TargetCrop`, for target images
            that are loaded whole; None for those that are loaded as crops.
        **kwargs: As for :class:`MeanTeacherEncoderDecoder`; every batch needs the
            teacher.

    Raises:
        ValueError: A part does not fit another one, or the student passes several
            labeled sources one by one.

    Example:
        See ``configs/_base_/methods/daformer.py``.
    """

    not_in_teacher = ('class_statistics', 'contrastive_loss', 'feature_distance')

    def __init__(
        self,
        *args: Any,
        representation_head: dict,
        class_statistics: dict,
        contrastive_loss: dict,
        contrast_start: int = 0,
        target_crop: dict | None = None,
        **kwargs: Any,
    ) -> None:
        check_range(0, contrast_start=contrast_start)
        super().__init__(*args, **kwargs)
        if self.student_passes == 'per_source' and len(self.labeled_sources) > 1:
            raise ValueError(
                f'SePiCo embeds one labeled source, not {list(self.labeled_sources)}: '
                "name one, or set student_passes='joint'"
            )
        # With or without this head a seed gives the other parts the same start.
        with torch.random.fork_rng(devices=()):
            self.representation_head = MODELS.build(representation_head)
        self.class_statistics = MODELS.build(class_statistics)
        self.contrastive_loss = MODELS.build(contrastive_loss)
        self.contrast_start = contrast_start
        self.target_crop = None if target_crop is None else TargetCrop(**target_crop)
        channels = self.representation_head.channels
        needs_statistics_of_size(self.class_statistics, self.num_classes, channels)

    @property
    def in_contrast(self) -> bool:
        """Whether this iteration has contrast."""
        hub = MessageHub.get_current_instance()
        return hub.get_info('iter', 0) >= self.contrast_start

    def take_apart(self, inputs: Tensor, data_samples: SampleList) -> MixedBatch:
        """As the base class; with ``target_crop`` the images are crops then."""
        batch = super().take_apart(inputs, data_samples)
        if self.target_crop is None:
            return batch
        labels = batch.truth()[:0]
        if batch.num_unlabeled:
            logits = self.unlabeled_logits(batch)
            real = real_pixels(batch.unlabeled, batch.unlabeled_samples)
            labels, _ = self.pseudo_labels(logits, real)
        return self.target_crop(batch, labels, self.num_classes)

    def views(self, batch: MixedBatch) -> tuple[TeacherView, list[TeacherView]]:
        """The labeled images and the strong views, all in other colors.

        With contrast the last of the views is the target, not mixed.
        """
        labeled = self.observe(TeacherView(batch.labeled, batch.truth()))
        if not batch.num_unlabeled:
            return self.recolored(labeled), []
        weak = self.weak_view(batch)
        views = [self.mixing(weak, labeled) for _ in range(self.num_strong_views)]
        if self.in_contrast:
            views.append(_contrasted(weak))
        labeled, *strong = self._recolored_alike([labeled, *views])
        if self.masking is not None:
            strong.insert(0, self.masking(self.recolored(weak)))
        return labeled, strong

    def warmup_views(self, batch: MixedBatch) -> tuple[TeacherView, list[TeacherView]]:
        """As the base class; the statistics learn, too."""
        labeled, strong = super().warmup_views(batch)
        return self.recolored(self.observe(labeled)), strong

    @torch.no_grad()
    def observe(self, labeled: TeacherView) -> TeacherView:
        """Show the teacher's embeddings to the statistics. Every process must call it.

        Args:
            labeled: The labeled images, in their own colors.

        Returns:
            The same with ``anchors``, the labels at the size of the embeddings.
        """
        embeddings = self._no_embeddings(labeled.images)
        if len(labeled):
            with self.teacher_in_mode(self.teacher_mode) as teacher:
                features = teacher.extract_feat(labeled.images)
                embeddings = teacher.representation_head(features)
        anchors = self.contrastive_loss.shrink(labeled.labels, embeddings.shape[2:])
        unit = F.normalize(full_precision(embeddings), dim=1)
        self.class_statistics.update(unit, anchors)
        return replace(labeled, anchors=anchors)

    def student_outputs(
        self, batch: MixedBatch, strong: Sequence[TeacherView]
    ) -> NetworkOutputs:
        """As the base class, without the target; with embeddings of labeled images."""
        with recorded_inputs(self.decode_head) as recorded:
            outputs = super().student_outputs(batch, _taught(strong))
        if not (self.in_contrast and batch.num_labeled):
            return outputs
        features = [level[: batch.num_labeled] for level in recorded[0]]
        return replace(outputs, embeddings=self.representation_head(features))

    def unlabeled_loss(
        self, logits: Tensor, strong: Sequence[TeacherView]
    ) -> dict[str, Tensor]:
        """As the base class, without the target."""
        return super().unlabeled_loss(logits, _taught(strong))

    def extra_losses(
        self,
        outputs: NetworkOutputs,
        labeled: TeacherView,
        strong: Sequence[TeacherView],
    ) -> dict[str, Tensor]:
        """The contrast of source and target; zero, but attached, before it starts."""
        if not self.in_contrast:
            parameters = self.representation_head.parameters()
            return {'contrast.loss_none': 0 * sum(p.float().sum() for p in parameters)}
        source = outputs.embeddings
        if source is None:
            source = self._no_embeddings(labeled.images)
        return {
            f'{name}.{self.contrastive_loss.loss_name}': self.contrastive_loss(
                *pixels, self.class_statistics
            )
            for name, pixels in (
                ('source', (source, labeled.anchors)),
                ('target', self._target_pixels(labeled, strong)),
            )
        }

    def _target_pixels(
        self, labeled: TeacherView, strong: Sequence[TeacherView]
    ) -> tuple[Tensor, Tensor]:
        """Embeddings of the target and their labels; none without a target."""
        targets = [view for view in strong if view.name == _TARGET]
        if not targets:
            embeddings = self._no_embeddings(labeled.images)
            return embeddings, labeled.labels[:0, :1, :1]
        features = self.extract_feat(targets[0].images)
        embeddings = self.representation_head(features)
        size = embeddings.shape[2:]
        return embeddings, self.contrastive_loss.shrink(targets[0].labels, size)

    def _no_embeddings(self, images: Tensor) -> Tensor:
        return images.new_zeros(0, self.representation_head.channels, 1, 1)

    def _recolored_alike(self, views: Sequence[TeacherView]) -> list[TeacherView]:
        """The views in other colors, of which one call of the strong view decides."""
        if self.strong_view is None:
            return list(views)
        images = join([view.images for view in views])
        parts = self.strong_view(images, self.data_preprocessor).split(
            [len(view) for view in views]
        )
        pairs = zip(views, parts, strict=True)
        return [replace(view, images=part) for view, part in pairs]


def _contrasted(weak: TeacherView) -> TeacherView:
    """The target with the labels that weigh more than 0."""
    labels = weak.labels
    if weak.weights is not None:
        labels = labels.where(weak.weights > 0, 255)
    return replace(weak, labels=labels, name=_TARGET)


def _taught(strong: Sequence[TeacherView]) -> list[TeacherView]:
    """The views whose pseudo-labels are learned, without the target."""
    return [view for view in strong if view.name != _TARGET]
