"""Segmentor that runs as a student beside a teacher of the same kind."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

import torch
from mmseg.models import EncoderDecoder
from mmseg.utils import OptSampleList, SampleList
from torch import Tensor

from ...ops.entropy import softmax_entropy
from ...ops.pseudo_labels import confident_pixels, confident_share, pseudo_labels
from ...ops.strips import striped_map
from ...ops.two_classes import two_class_logits
from ...utils.choices import check_choice, check_margins, check_names, check_range
from ..teachers.mixin import TEACHER_MODES, TeacherMixin
from ..utils.head_checks import needs_ignore_255, needs_map_of_logits
from .feature_distance import FeatureDistanceMixin
from .mixed_batch import MixedBatch, rows_by_source, split_batch, take_rows
from .network_outputs import NetworkOutputs, in_batch_order, join
from .striped import StripedEncoderDecoder
from .teacher_view import TeacherView


class TeacherStudentEncoderDecoder(
    TeacherMixin, FeatureDistanceMixin, StripedEncoderDecoder
):
    """Segmentor that runs two networks: itself, the student, and a teacher.

    Base class of :class:`MeanTeacherEncoderDecoder`: how the networks run.

    Args:
        labeled_sources: Sources whose labels are used; samples without ``source`` too.
        unlabeled_sources: Sources whose labels are not looked at.
        student_passes: 'joint': the student runs once, over labeled images and strong
            views together; batch norm normalizes all by common statistics, those
            that its running averages, used at test, describe; so does a teacher in
            train mode. 'per_source': once for each source, labeled ones first, so that
            batch norm normalizes each by itself (EUMS' and DAFormer's code), masked
            views by themselves, too. Layers that synchronize processes then need every
            source in every process.
        threshold: Least probability of a pseudo-label, 0 to 1.
        ignore_rows: Rows at the top and at the bottom of the unlabeled crops without
            pseudo-labels: borders of the rectification, the own car (DAFormer's code:
            (15, 120) of 512).
        confidence_weight: Weight of the pseudo-labels, the share of pixels whose
            probability reaches ``confidence_threshold``: of each 'image', or of the
            'batch' of all processes as in DACS and DAFormer. None for 1. Rows without
            pseudo-labels count in it, as in their code.
        confidence_threshold: See there, 0 to 1.
        teacher_mode: Mode in which the teacher predicts, 'eval', 'train' or
            'train_norm', see
            :meth:`~mmseg_labelfree.models.teachers.TeacherMixin.teacher_in_mode`.
        val_model: Which model :meth:`predict` is, 'student' or 'teacher'. For both see
            :class:`~mmseg_labelfree.engine.loops.TeacherStudentValLoop`.
        **kwargs: ``feature_distance``, see
            :class:`~mmseg_labelfree.models.losses.FeatureDistance`, and those of
            :class:`mmseg.models.EncoderDecoder`. Heads must give one tensor of logits.

    Raises:
        ValueError: A choice is unknown, a number out of range, ``ignore_rows`` leaves
            no row, or a head ignores another label than 255.
    """

    teacher_buffers: str | None = None  # what EMATeacherHook.buffers has to be
    missing_teacher = (
        "train with dict(type='EMATeacherHook') in custom_hooks; to test a checkpoint "
        "without `ema_teacher`, set model.val_model='student'"
    )
    not_in_teacher: tuple[str, ...] = ('feature_distance',)
    """Children and buffers that the teacher is copied without."""

    def __init__(
        self,
        *args,
        labeled_sources: Sequence[str] = ('labeled',),
        unlabeled_sources: Sequence[str] = ('unlabeled',),
        student_passes: Literal['joint', 'per_source'] = 'joint',
        teacher_mode: Literal['eval', 'train', 'train_norm'] = 'eval',
        threshold: float = 0.0,
        ignore_rows: tuple[int, int] = (0, 0),
        confidence_weight: Literal['image', 'batch'] | None = None,
        confidence_threshold: float = 0.968,
        val_model: Literal['student', 'teacher'] = 'student',
        **kwargs,
    ) -> None:
        check_names(
            labeled_sources=labeled_sources, unlabeled_sources=unlabeled_sources
        )
        check_choice('student_passes', student_passes, ('joint', 'per_source'))
        check_choice('teacher_mode', teacher_mode, TEACHER_MODES)
        check_choice('val_model', val_model, ('student', 'teacher'))
        check_choice('confidence_weight', confidence_weight, (None, 'image', 'batch'))
        check_range(
            0, 1, threshold=threshold, confidence_threshold=confidence_threshold
        )
        check_margins(ignore_rows=ignore_rows)
        super().__init__(*args, **kwargs)
        needs_ignore_255(self)
        needs_map_of_logits(self)
        self.labeled_sources = tuple(labeled_sources)
        self.unlabeled_sources = tuple(unlabeled_sources)
        self.student_passes = student_passes
        self.teacher_mode = teacher_mode
        self.threshold = threshold
        self.ignore_rows = tuple(ignore_rows)
        self.confidence_weight = confidence_weight
        self.confidence_threshold = confidence_threshold
        self.val_model = val_model

    def set_teacher(self, teacher: EncoderDecoder) -> None:
        """Take ``teacher``, whose predictions are its own whatever ``val_model``."""
        super().set_teacher(teacher)
        teacher.val_model = 'student'

    @property
    def teacher_has_statistics(self) -> bool:
        """Whether the teacher's passes move its running statistics of batch norm."""
        return self.teacher_mode != 'eval'

    def check_batch(
        self, inputs: Tensor, data_samples: SampleList, num_images: int
    ) -> None:
        """Raise a ValueError if sources or rows of samples do not fit the model."""
        split_batch(inputs, data_samples, self.labeled_sources, self.unlabeled_sources)
        self.inner_rows(torch.ones_like(inputs[:, 0], dtype=torch.bool))

    def needs_teacher(self, data_samples: SampleList) -> bool:
        """Whether there are samples without labels."""
        return any(x.get('source') in self.unlabeled_sources for x in data_samples)

    def student_outputs(
        self, batch: MixedBatch, strong: Sequence[TeacherView]
    ) -> NetworkOutputs:
        """Run the student over the labeled images and the strong views, in this order.

        Args:
            batch: The batch.
            strong: K views of its U unlabeled images, or none.

        Returns:
            Outputs of L + K U images.
        """
        images = join([batch.labeled, *(view.images for view in strong)])
        if self.student_passes == 'joint':
            return self.run(self, images, auxiliary=True)
        sources = batch.labeled_sources + [
            source if view.name == 'unlabeled' else f'{view.name} {source}'
            for view in strong
            for source in batch.unlabeled_sources
        ]
        order = self.labeled_sources + self.unlabeled_sources
        rows = list(rows_by_source(sources, order).values())
        passes = [self.run(self, take_rows(images, r), auxiliary=True) for r in rows]
        return in_batch_order(passes, rows)

    def pseudo_labels(
        self, logits: Tensor, valid: Tensor, *others: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Read label and entropy of each pixel off the teacher's logits.

        Strip by strip: no map of C channels gets the size of the image.

        Args:
            logits: Of the teacher (N, C, h, w).
            valid: Bool (N, H, W), where there is an image.
            *others: Logits (N, C, h', w') to be added before the label is read,
                and not before the entropy.

        Returns:
            int64 (N, H, W), 255 where the prediction is not sure enough or there is no
            image; and float (N, H, W), in nats.
        """

        def read(x: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor]:
            *added, inside = rest
            labels = pseudo_labels(sum(added, x), self.threshold, inside)
            return labels, softmax_entropy(x)

        labels, entropy = striped_map(
            read,
            [logits, *others],
            valid.shape[1:],
            valid,
            align_corners=self.align_corners,
        )
        return labels, entropy

    def inner_rows(self, valid: Tensor) -> Tensor:
        """Leave the pixels in ``ignore_rows`` out of bool maps (N, H, W)."""
        top, bottom = self.ignore_rows
        height = valid.shape[1]
        if top + bottom >= height:
            raise ValueError(
                f'ignore_rows={self.ignore_rows} leaves nothing of crops with {height} '
                'rows: make them fewer, or the crops larger'
            )
        rows = torch.arange(height, device=valid.device)[:, None]
        return valid & (rows >= top) & (rows < height - bottom)

    def pixel_weights(self, logits: Tensor, valid: Tensor) -> Tensor | None:
        """Weights (N, H, W) of the pseudo-labels of logits (N, C, h, w), if any.

        Args:
            logits: The teacher's.
            valid: Bool (N, H, W), where there is an image.
        """
        if self.confidence_weight is None:
            return None
        per_image = self.confidence_weight == 'image'
        (sure,) = striped_map(
            partial(confident_pixels, threshold=self.confidence_threshold),
            [logits],
            valid.shape[1:],
            align_corners=self.align_corners,
        )
        share = confident_share(sure, valid, per_image)
        return share[:, None, None].expand_as(valid)

    @torch.no_grad()
    def teacher_outputs(
        self,
        images: Tensor,
        mode: Literal['eval', 'train', 'train_norm'] | None = None,
    ) -> NetworkOutputs:
        """Run the teacher over images (N, 3, H, W), by default in ``teacher_mode``.

        The logits are those of :meth:`class_logits`.
        """
        with self.teacher_in_mode(mode or self.teacher_mode) as teacher:
            outputs = self.run(teacher, images)
        return replace(outputs, logits=self.class_logits(outputs.logits))

    def class_logits(self, logits: Tensor) -> Tensor:
        """Logits (N, C, h, w) that label pixels, with an output for each class.

        One output for two classes becomes the logits of two, which
        ``decode_head.threshold`` tells apart.
        """
        return two_class_logits(logits, self.decode_head.threshold or 0.5)

    def unlabeled_logits(self, batch: MixedBatch) -> Tensor:
        """The teacher's logits (U, C, h, w) of the unlabeled images.

        A teacher in train mode normalizes what the student does: with
        ``student_passes='joint'`` it sees the labeled images, too.
        """
        images = batch.unlabeled
        if self.teacher_mode != 'eval' and self.student_passes == 'joint':
            images = join([batch.labeled, images])
        return self.teacher_outputs(images).logits[-batch.num_unlabeled :]

    def teacher_passes(
        self,
        parts: Sequence[Tensor],
        mode: Literal['eval', 'train', 'train_norm'] | None = None,
    ) -> NetworkOutputs:
        """Run the teacher over labeled and unlabeled images, as the student is run.

        Args:
            parts: Images (N, 3, H, W), (M, 3, H, W); one of them may have none.
            mode: As for :meth:`teacher_outputs`.

        Returns:
            Outputs of N + M images, of one pass or of one for each part.
        """
        if self.student_passes == 'joint':
            return self.teacher_outputs(join(parts), mode)
        outputs = [self.teacher_outputs(part, mode) for part in parts if len(part)]
        place = itertools.count()
        rows = [[next(place) for _ in range(len(o.logits))] for o in outputs]
        return in_batch_order(outputs, rows)

    def run(
        self, network: EncoderDecoder, images: Tensor, auxiliary: bool = False
    ) -> NetworkOutputs:
        """Run student or teacher over images (N, 3, H, W).

        Args:
            network: A segmentor with this one's heads.
            images: Normalized.
            auxiliary: Whether to run the auxiliary heads, too, and to keep the features
                whose distance is measured.
        """
        return self.outputs(network, network.extract_feat(images), auxiliary)

    def outputs(
        self, network: EncoderDecoder, features: Sequence[Tensor], auxiliary: bool
    ) -> NetworkOutputs:
        """What the heads of student or teacher give for a backbone's features."""
        logits, embeddings = self.decode(network, features)
        heads = self.auxiliary_heads() if auxiliary else {}
        others = tuple(head(features) for head in heads.values())
        measured = auxiliary and self.feature_distance is not None
        last = features[-1] if measured else None
        return NetworkOutputs(logits, embeddings, others, last)

    def decode(
        self, network: EncoderDecoder, features: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor | None]:
        """Logits (N, C, h, w) and embeddings, if any, of a network's features."""
        return network.decode_head(features), None

    def predict(self, inputs: Tensor, data_samples: OptSampleList = None) -> SampleList:
        """Predictions of the model that ``val_model`` names."""
        if self.val_model == 'teacher':
            return self.teacher.predict(inputs, data_samples)
        return super().predict(inputs, data_samples)
