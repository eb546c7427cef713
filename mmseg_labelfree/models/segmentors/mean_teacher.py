"""Segmentor that learns from labels and from a moving-average teacher."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import torch
from mmengine.logging import MessageHub
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from mmseg.utils import SampleList, add_prefix
from torch import Tensor, nn

from ...ops.compiling import untraced
from ...utils.choices import check_range
from ..losses.label_watch import LabelWatch
from ..losses.pixel_losses import head_losses, pixel_loss
from ..utils.head_checks import needs_pixel_weights
from ..utils.strong_view import StrongView
from .mixed_batch import MissingSources, MixedBatch, real_pixels, split_batch
from .network_outputs import NetworkOutputs
from .teacher_student import TeacherStudentEncoderDecoder
from .teacher_view import TeacherView, ViewMasking, ViewMixing


@MODELS.register_module()
class MeanTeacherEncoderDecoder(TeacherStudentEncoderDecoder):
    r"""Segmentor that also learns from a teacher's labels.

    The objective is (U2PL+, eq. 1; Mean Teacher, https://arxiv.org/abs/1703.01780)

    .. math:: L = L_s + \lambda_u L_u

    :math:`L_s` is the heads' own losses on the samples with labels, auxiliary heads and
    pixel samplers included. For the samples without, the teacher labels the view that
    the loader made, the student sees a mixed, recolored view of it, and
    :math:`L_u` compares the two. With ``mixing='cutmix'`` this is the CutMix
    baseline, with neither mixing nor strong view plain self-training.

    A batch is flat, and ``metainfo['source']`` tells the samples apart, so the two
    sides may as well be a source and a target domain: DACS
    (https://arxiv.org/abs/2007.08702), DAFormer and MIC are settings of this class, see
    ``configs/_base_/methods/daformer.py``. Two ``num_strong_views`` are UniMatch's
    (https://arxiv.org/abs/2208.09910).

    The teacher comes from :class:`~mmseg_labelfree.engine.hooks.EMATeacherHook` and is
    in no ``state_dict``: a checkpoint of this class is one of a stock
    ``EncoderDecoder``. Batches without unlabeled samples need no teacher.

    Subclasses change one step of :meth:`loss`: :meth:`views` or a part of it
    (:meth:`weak_view`, :meth:`strong_views`), :meth:`decode`, :meth:`head_loss`,
    :meth:`unlabeled_loss` or :meth:`extra_losses`.

    Args:
        unlabeled_loss: A ``loss_decode`` for :math:`L_u`, called as ``(logits, labels,
            weight=..., ignore_index=255)``. Defaults to cross-entropy
            averaged over all pixels, ignored ones included.
        unlabeled_weight: :math:`\lambda_u`.
        mixing: None, 'cutmix', 'classmix' or 'cutout', see
            :mod:`~mmseg_labelfree.ops.mixing`.
        mixing_partner: Where pixels are taken from: another 'unlabeled' image, or a
            'labeled' one with its ground truth and weight 1 (DACS). The i-th unlabeled
            image gets the i-th labeled one; a batch without labels is not mixed. An
            unlabeled image that is alone in its process gets a labeled one, too.
        mixing_prob: Probability of mixing (U2PL's code: 0.5).
        mixing_per_sample: Decide for each sample (UniMatch) instead of once an
            iteration (U2PL).
        mixing_area: Share of the image in the box of CutMix and CutOut; or its bounds,
            for boxes of varied area and form (UniMatch).
        mixing_classes: Whether ClassMix chooses from the classes of each 'image', or
            of the whole 'batch', the ignored label among them (code of DAFormer).
        strong_view: Arguments of
            :class:`~mmseg_labelfree.models.utils.StrongView`, applied after the
            mixing; ``{}`` for its defaults, None for no change of colors.
        num_strong_views: Strong views of each unlabeled image, each with its own mask
            and colors. :math:`L_u` is the mean over them.
        masked_view: Arguments of
            :class:`~mmseg_labelfree.models.segmentors.ViewMasking`: one more view, not
            mixed and with hidden blocks, whose loss is added (MIC); None for none.
        warmup_iters: Iterations on labels alone at the start; until then the teacher
            is the student.
        **kwargs: As for :class:`TeacherStudentEncoderDecoder`: sources, student's
            passes, what counts of the teacher's labels, its mode, ``feature_distance``,
            ``val_model``, and those of a stock ``EncoderDecoder``.

    Raises:
        ValueError: A choice is unknown, or two do not go together; or a sample has a
            source that is in neither list.
        AttributeError: There are unlabeled samples, but no teacher.

    Example:
        ``model=dict(type='MeanTeacherEncoderDecoder', mixing='cutmix',
        mixing_prob=0.5)`` and ``custom_hooks=[dict(type='EMATeacherHook')]``
    """

    def __init__(
        self,
        *args,
        unlabeled_loss: dict | None = None,
        unlabeled_weight: float = 1.0,
        mixing: Literal['cutmix', 'classmix', 'cutout'] | None = None,
        mixing_partner: Literal['unlabeled', 'labeled'] = 'unlabeled',
        mixing_prob: float = 1.0,
        mixing_per_sample: bool = False,
        mixing_area: float | tuple[float, float] = 0.5,
        mixing_classes: Literal['image', 'batch'] = 'image',
        strong_view: dict | None = None,
        num_strong_views: int = 1,
        masked_view: dict | None = None,
        warmup_iters: int = 0,
        **kwargs,
    ) -> None:
        if num_strong_views < 1:
            raise ValueError(f'num_strong_views={num_strong_views} must be at least 1')
        check_range(0, unlabeled_weight=unlabeled_weight, warmup_iters=warmup_iters)
        super().__init__(*args, **kwargs)
        self.unlabeled_criterion = MODELS.build(
            unlabeled_loss or dict(type='CrossEntropyLoss')
        )
        if self.confidence_weight is not None:
            needs_pixel_weights('confidence_weight', self.unlabeled_criterion)
        self.unlabeled_weight = unlabeled_weight
        self.mixing = ViewMixing(
            mixing,
            mixing_partner,
            mixing_prob,
            mixing_per_sample,
            mixing_area,
            mixing_classes,
        )
        self.strong_view = None if strong_view is None else StrongView(**strong_view)
        # There the images are still where the loader has put them, on the CPU.
        self.data_preprocessor.register_forward_pre_hook(self._check_range)
        self.num_strong_views = num_strong_views
        self.masking = None if masked_view is None else ViewMasking(**masked_view)
        self.warmup_iters = warmup_iters
        self.pseudo_labeled = LabelWatch(
            'No pixel of the unlabeled images has had a pseudo-label so far, so '
            f'nothing is learned from them: threshold={self.threshold} may be too high',
            wanted=True,
        )
        self._missing = MissingSources()

    @untraced(recursive=False)
    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """Losses of one batch.

        Args:
            inputs: Preprocessed images (N, 3, H, W).
            data_samples: N samples with ``gt_sem_seg`` (1, H, W), 255 = ignored, and
                ``metainfo['source']``.

        Returns:
            ``decode.*`` and, with an auxiliary head, ``aux.*`` of the labeled samples;
            ``unlabeled.*`` of the others, with ``unlabeled.used``, the share of their
            pixels that has a pseudo-label, and ``masked.*`` of their masked view.
        """
        batch = self.take_apart(inputs, data_samples)
        # The teacher labels the weak views; the student sees them mixed and recolored.
        views = self.warmup_views if self.in_warmup() else self.views
        labeled, strong = views(batch)
        batch = replace(batch, labeled=labeled.images)
        outputs = self.student_outputs(batch, strong)
        # Labeled images have the heads' own losses, the others the teacher's labels.
        losses = self.labeled_loss(outputs, batch)
        if any(map(len, strong)):
            unlabeled = outputs.logits[batch.num_labeled :]
            losses.update(self.unlabeled_loss(unlabeled, strong))
        losses.update(self.extra_losses(outputs, labeled, strong))
        return losses

    def take_apart(self, inputs: Tensor, data_samples: SampleList) -> MixedBatch:
        """The labeled and the unlabeled part of a batch; says once if one lacks."""
        batch = split_batch(
            inputs, data_samples, self.labeled_sources, self.unlabeled_sources
        )
        self._missing.report('labeled', batch.num_labeled, self.labeled_sources)
        self._missing.report('unlabeled', batch.num_unlabeled, self.unlabeled_sources)
        return batch

    def _check_range(self, preprocessor: nn.Module, args: tuple) -> None:
        if self.strong_view is not None and isinstance(args[0], Mapping):
            self.strong_view.check_range(args[0].get('inputs', ()))

    def in_warmup(self) -> bool:
        """Whether this iteration learns from labels alone."""
        if not self.warmup_iters:
            return False
        hub = MessageHub.get_current_instance()
        return hub.get_info('iter', 0) < self.warmup_iters

    def warmup_views(self, batch: MixedBatch) -> tuple[TeacherView, list[TeacherView]]:
        """The labeled images alone; if there are none, others that teach nothing."""
        labeled = TeacherView(batch.labeled, batch.truth())
        if batch.num_labeled:
            return labeled, []
        size = batch.num_unlabeled, *batch.unlabeled.shape[2:]
        nothing = torch.full(size, 255, device=batch.unlabeled.device)
        return labeled, [TeacherView(batch.unlabeled, nothing)]

    def views(self, batch: MixedBatch) -> tuple[TeacherView, list[TeacherView]]:
        """The labeled images, and the strong views of the others."""
        labeled = TeacherView(batch.labeled, batch.truth())
        if not batch.num_unlabeled:
            return labeled, []
        return labeled, self.strong_views(self.weak_view(batch), labeled)

    def weak_view(self, batch: MixedBatch) -> TeacherView:
        """The unlabeled images as the loader made them, with the teacher's labels."""
        return self.labels_from(self.unlabeled_logits(batch), batch)

    def labels_from(self, logits: Tensor, batch: MixedBatch) -> TeacherView:
        """The unlabeled images with the labels that logits (U, C, h, w) give them."""
        real = real_pixels(batch.unlabeled, batch.unlabeled_samples)
        labels, _ = self.pseudo_labels(logits, self.inner_rows(real))
        return TeacherView(batch.unlabeled, labels, self.pixel_weights(logits, real))

    def strong_views(
        self, weak: TeacherView, labeled: TeacherView
    ) -> list[TeacherView]:
        """Mix and recolor the weak view, ``num_strong_views`` times, and mask it.

        Args:
            weak: The unlabeled images as the loader made them.
            labeled: The labeled images, partners for the mixing.
        """
        views = [self.mixed(weak, labeled) for _ in range(self.num_strong_views)]
        if self.masking is not None and len(weak):
            views.append(self.masking(self.recolored(weak)))
        return views

    def mixed(self, weak: TeacherView, labeled: TeacherView) -> TeacherView:
        """Mix the weak view, then recolor the mixture."""
        return self.recolored(self.mixing(weak, labeled))

    def recolored(self, view: TeacherView) -> TeacherView:
        """The view in other colors, if there is a ``strong_view``."""
        if self.strong_view is None or not len(view):
            return view
        images = self.strong_view(view.images, self.data_preprocessor)
        return replace(view, images=images)

    def labeled_loss(
        self, outputs: NetworkOutputs, batch: MixedBatch
    ) -> dict[str, Tensor]:
        """The heads' own losses on the labeled samples.

        Args:
            outputs: Of the student, labeled samples first.
            batch: The batch.
        """
        heads = {'decode': self.decode_head, **self.auxiliary_heads()}
        maps = (outputs.logits, *outputs.auxiliary)
        losses: dict[str, Tensor] = {}
        for (name, head), logits in zip(heads.items(), maps, strict=True):
            if batch.num_labeled:
                labeled = logits[: batch.num_labeled]
                losses.update(self.head_loss(name, head, labeled, batch))
            else:
                # Zero, but it reaches every parameter: DDP waits for all of them.
                losses[f'{name}.loss_none'] = 0 * logits.float().mean()
        if outputs.features is not None:
            features = outputs.features[: batch.num_labeled]
            losses.update(self.distance_losses(features, batch.labeled, batch.truth()))
        return losses

    def head_loss(
        self, name: str, head: BaseDecodeHead, logits: Tensor, batch: MixedBatch
    ) -> dict[str, Tensor]:
        """A head's own losses on the logits (L, C, h, w) of the labeled samples."""
        return add_prefix(head_losses(head, logits, batch.labeled_samples), name)

    def unlabeled_loss(
        self, logits: Tensor, strong: Sequence[TeacherView]
    ) -> dict[str, Tensor]:
        """Compare the student with the pseudo-labels, averaged over the strong views.

        Args:
            logits: Of the student (K U, C, h, w).
            strong: The K views of U images, those of one name together.
        """
        each: dict[str, list[Tensor]] = {}
        for part, view in zip(logits.tensor_split(len(strong)), strong, strict=True):
            for name, value in self.view_loss(part, view).items():
                each.setdefault(name, []).append(value)
        return {name: torch.stack(values).mean(0) for name, values in each.items()}

    def view_loss(self, logits: Tensor, view: TeacherView) -> dict[str, Tensor]:
        """Compare logits (U, C, h, w) of one view with its pseudo-labels."""
        used = view.labels != 255
        self.pseudo_labeled(used)
        loss = pixel_loss(
            self.unlabeled_criterion,
            logits,
            view.labels,
            view.weights,
            align_corners=self.align_corners,
        )
        return {
            f'{view.name}.{self.unlabeled_criterion.loss_name}': (
                view.loss_weight * (self.unlabeled_weight * loss)
            ),
            f'{view.name}.used': used.float().mean(),
        }

    def extra_losses(
        self,
        outputs: NetworkOutputs,
        labeled: TeacherView,
        strong: Sequence[TeacherView],
    ) -> dict[str, Tensor]:
        """Further losses of a subclass; none here.

        Args:
            outputs: Of the student, for the labeled images and the strong views.
            labeled: The labeled images.
            strong: The strong views; none in warm-up.
        """
        return {}

    @torch.no_grad()
    def pseudo_label_maps(
        self, images: Tensor, data_samples: SampleList
    ) -> dict[str, Tensor]:
        """What the teacher would hand to the student for images without labels.

        For pictures and statistics. It changes nothing, so the teacher predicts in
        evaluation mode, whatever ``teacher_mode``.

        Args:
            images: Preprocessed images (N, 3, H, W).
            data_samples: Their samples, for padding.

        Returns:
            ``pseudo-label``, int64 (N, H, W) with 255 where there is none, and
            ``entropy`` of the teacher's prediction, float (N, H, W) in nats.
        """
        logits = self.teacher_outputs(images, 'eval').logits
        labels, entropy = self.pseudo_labels(logits, real_pixels(images, data_samples))
        return {'pseudo-label': labels, 'entropy': entropy}
