"""Segmentor that learns from labels and from a moving-average teacher."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import torch
from mmengine.logging import MessageHub
from mmseg.models import EncoderDecoder
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.utils import OptSampleList, SampleList, add_prefix
from torch import Tensor, nn

from ...ops.entropy import softmax_entropy
from ...ops.mixing import blank, mix, mixing_masks
from ...ops.pseudo_labels import pseudo_labels
from ...utils.choices import check_choice
from ..teachers.mixin import FrozenTeacherMixin
from ..utils.strong_view import StrongView
from .mixed_batch import (
    MissingSources,
    MixedBatch,
    real_pixels,
    split_batch,
)

MIXINGS = ('cutmix', 'classmix', 'cutout')


@MODELS.register_module()
class MeanTeacherEncoderDecoder(FrozenTeacherMixin, EncoderDecoder):
    r"""An ``EncoderDecoder`` that also learns from a teacher's labels.

    The objective is (U2PL eq. 1; Mean Teacher, https://arxiv.org/abs/1703.01780)

    .. math:: L = L_s + \lambda_u L_u

    :math:`L_s` is the heads' own losses on the samples with labels, auxiliary heads and
    pixel samplers included. For the samples without, the teacher labels the view that
    the loader made, the student sees a mixed, recoloured view of it, and
    :math:`L_u` compares the two. With ``mixing='cutmix'`` this is the CutMix
    baseline, with neither mixing nor strong view plain self-training.

    A batch is flat, and ``metainfo['source']`` tells the samples apart, so the two
    sides may as well be a source and a target domain. The student runs once, over
    labelled images and strong views together: DDP sees one forward pass, and batch norm
    normalises both by common statistics, those that its running averages, used at test,
    describe. Every head sees the whole batch for that reason, and so that no process
    leaves a parameter out when its batch lacks labels.

    The teacher comes from :class:`~mmseg_labelfree.engine.hooks.EMATeacherHook` and is
    in no ``state_dict``: a checkpoint of this class is one of a stock
    ``EncoderDecoder``. Batches without unlabelled samples need no teacher.

    Subclasses change one step of :meth:`loss`: :meth:`label_unlabeled`,
    :meth:`make_strong_view`, :meth:`student_logits`, :meth:`labeled_loss`,
    :meth:`unlabeled_loss` or :meth:`extra_losses`.

    Args:
        labeled_sources: Sources whose labels are used; samples without ``source`` too.
        unlabeled_sources: Sources whose labels are not looked at.
        unlabeled_loss: A ``loss_decode`` for :math:`L_u`, called as ``(logits, labels,
            weight=..., ignore_index=255)`` at image size. Default: cross-entropy
            averaged over all pixels, ignored ones included.
        unlabeled_weight: :math:`\lambda_u`.
        threshold: Least probability of a pseudo-label, 0 to 1.
        mixing: None, 'cutmix', 'classmix' or 'cutout', see
            :mod:`~mmseg_labelfree.ops.mixing`.
        mixing_prob: Probability of mixing (U2PL's code: 0.5).
        mixing_per_sample: Decide for each sample instead of once an iteration.
        mixing_area: Share of the image in the box of CutMix and CutOut.
        strong_view: Arguments of
            :class:`~mmseg_labelfree.models.utils.StrongView`, applied after the
            mixing; ``{}`` for its defaults, None for no change of colours.
        teacher_mode: Mode in which the teacher predicts, 'eval' or 'train'; the latter
            normalises by the batch and updates the teacher's own statistics.
        warmup_iters: Iterations on labels alone at the start; until then the teacher
            is the student.
        val_model: Which model :meth:`predict` is, 'student' or 'teacher'. For both see
            :class:`~mmseg_labelfree.engine.loops.TeacherStudentValLoop`.
        **kwargs: As for :class:`mmseg.models.EncoderDecoder`. Heads must give one
            tensor of logits.

    Raises:
        ValueError: ``mixing``, ``teacher_mode`` or ``val_model`` is unknown, or a
            sample has a source that is in neither list.
        RuntimeError: There are unlabelled samples, but no teacher.

    Example:
        ``model=dict(type='MeanTeacherEncoderDecoder', mixing='cutmix',
        mixing_prob=0.5)`` and ``custom_hooks=[dict(type='EMATeacherHook')]``
    """

    missing_teacher = (
        "train with dict(type='EMATeacherHook') in custom_hooks; to test a checkpoint "
        "without `ema_teacher`, set model.val_model='student'"
    )
    not_in_teacher: tuple[str, ...] = ()
    """Children and buffers that the teacher is copied without."""
    teaches_labeled = False
    """Whether the teacher has work in batches without unlabelled samples, too."""

    def __init__(
        self,
        *args,
        labeled_sources: Sequence[str] = ('labeled',),
        unlabeled_sources: Sequence[str] = ('unlabeled',),
        unlabeled_loss: dict | None = None,
        unlabeled_weight: float = 1.0,
        threshold: float = 0.0,
        mixing: Literal['cutmix', 'classmix', 'cutout'] | None = None,
        mixing_prob: float = 1.0,
        mixing_per_sample: bool = False,
        mixing_area: float = 0.5,
        strong_view: dict | None = None,
        teacher_mode: Literal['eval', 'train'] = 'eval',
        warmup_iters: int = 0,
        val_model: Literal['student', 'teacher'] = 'student',
        **kwargs,
    ) -> None:
        check_choice('mixing', mixing, (None, *MIXINGS))
        check_choice('teacher_mode', teacher_mode, ('eval', 'train'))
        check_choice('val_model', val_model, ('student', 'teacher'))
        super().__init__(*args, **kwargs)
        self.labeled_sources = tuple(labeled_sources)
        self.unlabeled_sources = tuple(unlabeled_sources)
        self.unlabeled_criterion = MODELS.build(
            unlabeled_loss or dict(type='CrossEntropyLoss')
        )
        self.unlabeled_weight = unlabeled_weight
        self.threshold = threshold
        self.mixing = mixing
        self.mixing_settings = dict(
            prob=mixing_prob, per_sample=mixing_per_sample, area=mixing_area
        )
        self.strong_view = None if strong_view is None else StrongView(**strong_view)
        self.teacher_mode = teacher_mode
        self.warmup_iters = warmup_iters
        self.val_model = val_model
        self._missing = MissingSources()

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """Losses of one batch.

        Args:
            inputs: Preprocessed images (N, 3, H, W).
            data_samples: N samples with ``gt_sem_seg`` (1, H, W), 255 = ignored, and
                ``metainfo['source']``.

        Returns:
            ``decode.*`` and, with an auxiliary head, ``aux.*`` of the labelled samples;
            ``unlabeled.*`` of the others, with ``unlabeled.used``, the share of their
            pixels that has a pseudo-label.
        """
        batch = split_batch(
            inputs, data_samples, self.labeled_sources, self.unlabeled_sources
        )
        self._missing.report('labelled', batch.num_labeled, self.labeled_sources)
        self._missing.report('unlabelled', batch.num_unlabeled, self.unlabeled_sources)
        warmup = self._in_warmup() and batch.num_labeled > 0
        if warmup:
            batch = batch.without_unlabeled()
        if batch.num_unlabeled or (self.teaches_labeled and not warmup):
            self.label_unlabeled(batch)
            self.make_strong_view(batch)
        features = self.extract_feat(batch.student_inputs())
        logits = self.student_logits(features, batch)
        losses = self.labeled_loss(features, logits, batch)
        if batch.num_unlabeled:
            losses.update(self.unlabeled_loss(logits[batch.num_labeled :], batch))
        losses.update(self.extra_losses(features, logits, batch))
        return losses

    def label_unlabeled(self, batch: MixedBatch) -> None:
        """Set ``batch.labels`` (and ``weights``) from the teacher on the weak view."""
        logits = self.teacher_logits(batch.unlabeled)
        real = real_pixels(batch.unlabeled, batch.unlabeled_samples)
        batch.labels = pseudo_labels(logits, self.threshold, real)

    @torch.no_grad()
    def explain(self, images: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """What the teacher would hand to the student for images without labels.

        For pictures and statistics; it changes nothing.

        Args:
            images: Preprocessed images (N, 3, H, W).
            data_samples: Their samples, for padding.

        Returns:
            ``pseudo-label``, int64 (N, H, W) with 255 where there is none, and
            ``entropy`` of the teacher's prediction, float (N, H, W) in nats.
        """
        logits = self.teacher_logits(images)
        real = real_pixels(images, data_samples)
        labels = pseudo_labels(logits, self.threshold, real)
        return {'pseudo-label': labels, 'entropy': softmax_entropy(logits)}

    @torch.no_grad()
    def teacher_logits(self, images: Tensor) -> Tensor:
        """The teacher's logits (N, C, H, W) at the size of the images."""
        with self.teaching() as teacher:
            logits = teacher.decode_head(teacher.extract_feat(images))
        return self._to_size(logits, images)

    @contextmanager
    def teaching(self) -> Iterator[nn.Module]:
        """The teacher, in ``teacher_mode``."""
        teacher = self.teacher.train(self.teacher_mode == 'train')
        try:
            yield teacher
        finally:
            teacher.eval()

    def student_logits(self, features: Sequence[Tensor], batch: MixedBatch) -> Tensor:
        """The decode head's logits (L + U, C, h, w)."""
        return self.decode_head(features)

    def make_strong_view(self, batch: MixedBatch) -> None:
        """Set ``batch.strong``, and mix ``labels`` and ``weights`` along with it."""
        if self.mixing is not None and batch.num_unlabeled:
            masks = mixing_masks(self.mixing, batch.labels, **self.mixing_settings)
            batch.masks = masks
            if self.mixing == 'cutout':
                batch.strong = blank(masks, batch.strong, 0.0)
                batch.labels = blank(masks, batch.labels, 255)
            else:
                batch.strong, batch.labels = mix(masks, batch.strong, batch.labels)
                if batch.weights is not None:
                    (batch.weights,) = mix(masks, batch.weights)
        if self.strong_view is not None and batch.num_unlabeled:
            batch.strong = self.strong_view(batch.strong, self.data_preprocessor)

    def labeled_loss(
        self, features: Sequence[Tensor], logits: Tensor, batch: MixedBatch
    ) -> dict[str, Tensor]:
        """The heads' own losses on the labelled samples.

        Args:
            features: Of the student, for the whole batch, labelled samples first.
            logits: Of the decode head (L + U, C, h, w).
            batch: The batch.
        """
        losses = self._head_loss(self.decode_head, logits, batch, 'decode')
        if self.with_auxiliary_head:
            several = isinstance(self.auxiliary_head, nn.ModuleList)
            heads = self.auxiliary_head if several else [self.auxiliary_head]
            for index, head in enumerate(heads):
                name = f'aux_{index}' if several else 'aux'
                losses.update(self._head_loss(head, head(features), batch, name))
        return losses

    def unlabeled_loss(self, logits: Tensor, batch: MixedBatch) -> dict[str, Tensor]:
        """Compare the student's logits (U, C, h, w) with the pseudo-labels."""
        loss = self.unlabeled_criterion(
            self._to_size(logits, batch.strong),
            batch.labels,
            weight=batch.weights,
            ignore_index=255,
        )
        return {
            f'unlabeled.{self.unlabeled_criterion.loss_name}': (
                self.unlabeled_weight * loss
            ),
            'unlabeled.used': (batch.labels != 255).float().mean(),
        }

    def extra_losses(
        self, features: Sequence[Tensor], logits: Tensor, batch: MixedBatch
    ) -> dict[str, Tensor]:
        """Further losses of a subclass; none here. Arguments as in `labeled_loss`."""
        return {}

    def predict(self, inputs: Tensor, data_samples: OptSampleList = None) -> SampleList:
        """Predictions of the model that ``val_model`` names."""
        model = self.teacher if self.val_model == 'teacher' else self
        return super(MeanTeacherEncoderDecoder, model).predict(inputs, data_samples)

    def _head_loss(
        self, head: nn.Module, logits: Tensor, batch: MixedBatch, name: str
    ) -> dict[str, Tensor]:
        if not batch.num_labeled:
            # Zero, but it reaches every parameter: DDP waits for all of them.
            return {f'{name}.loss_none': 0 * logits.float().mean()}
        losses = head.loss_by_feat(logits[: batch.num_labeled], batch.labeled_samples)
        return add_prefix(losses, name)

    def _to_size(self, logits: Tensor, images: Tensor) -> Tensor:
        return resize(
            logits,
            images.shape[2:],
            mode='bilinear',
            align_corners=self.align_corners,
        )

    def _in_warmup(self) -> bool:
        if not self.warmup_iters:
            return False
        hub = MessageHub.get_current_instance()
        return hub.get_info('iter', 0) < self.warmup_iters
