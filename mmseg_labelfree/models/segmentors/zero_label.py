"""Segmentor for generalized zero-label segmentation."""

import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import SampleList, add_prefix
from torch import Tensor

from ...ops.label_maps import IGNORE, UNLABELED
from ...utils.choices import check_range
from ..decode_heads.semantic_projection_head import SemanticProjectionHead
from ..losses.label_watch import LabelWatch
from ..losses.pixel_losses import losses_of
from ..teachers.mixin import TeacherMixin
from ..utils.head_checks import (
    needs_ignore_255,
    needs_output_per_class,
    needs_pixel_weights,
)
from ..utils.pseudo_label_generator import PseudoLabelGenerator
from .striped import StripedEncoderDecoder


@MODELS.register_module()
class ZeroLabelEncoderDecoder(TeacherMixin, StripedEncoderDecoder):
    r"""Segmentor that labels unseen classes for itself.

    The objective is (STRICT, eq. 4; https://arxiv.org/abs/2104.11692)

    .. math:: L = L_{CE}(x, y) + \lambda L_{CE}(x, \bar y)

    :math:`y` are the labels of seen classes. The pseudo-labels :math:`\bar y` of the
    unlabeled pixels come from a frozen teacher, the model of the previous round, on the
    very crop that the student sees (``generator``), or with the labels, from files that
    were written before (:class:`~mmseg_labelfree.engine.jobs.PseudoLabelJob`). In the
    paper (STRICT, eq. 2) both are sums; here they are divided by one number, as
    the decode head's ``loss_decode`` averages. With :math:`\lambda = 1` that is the
    cross-entropy of the two label maps laid over each other, as in the authors' code.

    Without ``generator`` and with ``train_classes='seen'`` of the decode head this is
    SPNet (STRICT, eq. 2).

    Args:
        generator: Settings of
            :class:`~mmseg_labelfree.models.utils.PseudoLabelGenerator`; needs
            :class:`~mmseg_labelfree.engine.hooks.FrozenTeacherHook`.
        background: Label of a seen background, see there.
        pseudo_weight: :math:`\lambda`.
        **kwargs: As for :class:`mmseg.models.EncoderDecoder`; the decode head must be a
            ``SemanticProjectionHead``. ``test_cfg.gamma`` is the calibration of SPNet:
            it is subtracted from the probabilities of the seen classes, 0 to 1.

    Raises:
        ValueError: The decode head is another one, or ``pseudo_weight`` is for a loss
            that weighs no pixels.

    Example:
        ``model=dict(type='ZeroLabelEncoderDecoder', generator=dict(views='mirror+up'),
        test_cfg=dict(mode='whole', gamma=0.0))``
    """

    test_settings = (*StripedEncoderDecoder.test_settings, 'gamma')

    def __init__(
        self,
        *args,
        generator: dict | None = None,
        background: int | None = None,
        pseudo_weight: float = 1.0,
        **kwargs,
    ) -> None:
        check_range(0, pseudo_weight=pseudo_weight)
        super().__init__(*args, **kwargs)
        needs_ignore_255(self)
        needs_output_per_class(self)
        if not isinstance(self.decode_head, SemanticProjectionHead):
            raise ValueError(
                'ZeroLabelEncoderDecoder needs a SemanticProjectionHead as '
                f'decode_head, not {type(self.decode_head).__name__}'
            )
        if pseudo_weight != 1:
            for loss in losses_of(self.decode_head.head):
                needs_pixel_weights('pseudo_weight', loss)
        self.generator = None
        if generator is not None:
            self.generator = PseudoLabelGenerator(**generator)
        self.background = background
        self.pseudo_weight = pseudo_weight
        check_range(0, 1, gamma=(self.test_cfg or {}).get('gamma', 0.0))
        self.unlabeled_pixels = LabelWatch(
            f'No pixel has the label {UNLABELED}, unlabeled, so there is nothing to be '
            'filled with pseudo-labels: 255 is ignored; ZeroLabelDataset sets both',
            wanted=True,
        )

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """Losses of one batch.

        Args:
            inputs: Preprocessed images (N, 3, H, W).
            data_samples: N samples with ``gt_sem_seg`` (1, H, W): classes, 254 =
                unlabeled, 255 = ignored.

        Returns:
            ``decode.*`` and, with an auxiliary head, ``aux.*``; with a generator
            ``pseudo.share``, the share of the pixels that has a pseudo-label.
        """
        head = self.decode_head
        labels = torch.stack([s.gt_sem_seg.data for s in data_samples])[:, 0]
        if self.generator is not None:
            if self.background is None:
                self.unlabeled_pixels(labels == UNLABELED)
            labels = self.generator(self.teacher, inputs, labels, self.background)
        data_samples = _samples(labels)
        features = self.extract_feat(inputs)
        pseudo = None
        if head.train_classes != 'seen':
            with head.using('unseen') as unseen:
                pseudo = torch.isin(labels, unseen)
        weight = None
        if self.pseudo_weight != 1 and pseudo is not None:
            weight = torch.where(pseudo, self.pseudo_weight, 1.0)
        with head.using(head.train_classes):
            losses = head.loss_by_feat(head(features), data_samples, weight)
        losses = add_prefix(losses, 'decode')
        if pseudo is not None:
            losses['pseudo.share'] = pseudo.float().mean()
        losses.update(self.auxiliary_losses(features, data_samples))
        return losses

    def needs_teacher(self, data_samples: SampleList) -> bool:
        """Whether it labels the crops that it sees."""
        return self.generator is not None

    def inference(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Scores (N, num_classes, H, W), with ``gamma`` calibrated.

        ``gamma`` less for seen classes is ``gamma`` more for unseen ones, which leaves
        no negative probability: the scores are logarithms of such sums, and their
        softmax is what a CRF or the mean over several views takes.
        """
        scores = super().inference(inputs, batch_img_metas)
        gamma = self.test_cfg.get('gamma', 0.0)
        if gamma:
            with self.decode_head.using('unseen') as unseen:
                scores = scores.float().softmax(1)
                scores[:, unseen] += gamma
                scores = scores.clamp_(min=torch.finfo(scores.dtype).tiny).log_()
        return scores


def _samples(labels: Tensor) -> SampleList:
    """Samples with these labels, unlabeled pixels ignored."""
    labels = labels.masked_fill(labels == UNLABELED, IGNORE)
    return [SegDataSample(gt_sem_seg=PixelData(data=label[None])) for label in labels]
