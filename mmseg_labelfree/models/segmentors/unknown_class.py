"""Segmentor that learns step by step with a class for unknown objects."""

from typing import Any

import torch
from mmengine.structures import PixelData
from mmseg.models import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import SampleList, add_prefix
from torch import Tensor, nn

from ...ops.label_maps import UNLABELED
from ...ops.strips import striped_map
from ...ops.unknown_class import name_old_objects
from ...utils.choices import check_range
from ...utils.framework_compat import BatchNorm
from ..decode_heads.step_branch_head import StepBranchHead
from ..losses.label_watch import LabelWatch
from ..losses.pixel_losses import head_losses
from ..teachers.mixin import TeacherMixin
from ..utils.head_checks import needs_ignore_255
from .striped import StripedEncoderDecoder


@MODELS.register_module()
class UnknownClassEncoderDecoder(TeacherMixin, StripedEncoderDecoder):
    """Segmentor that freezes after the first step but for the newest branch (SSUL).

    Salient objects of the background are a class of their own, the unknown one
    (https://arxiv.org/abs/2106.11562):
    :class:`~mmseg_labelfree.datasets.transforms.LabelSalientPixels` gives them label
    254. The first step trains everything. A later one

    - trains the branch of its classes, the unknown one's and the background's alone,
      but for their norms, and no norm's statistics move: logits of old classes stay
      what they are, bit by bit;
    - labels old objects by the old model where it is sure, see
      :func:`~mmseg_labelfree.ops.name_old_objects`.

    Of the old model only the classifier is kept, and features are computed once, since
    everything before it is frozen. It sees them without dropout.

    The background's branch learns at 1e-4 of the rate in a later step, which is for the
    optimizer to say, and the loss of the head for the config: SSUL's is a binary
    cross-entropy for each class, the unknown one among them. Those of old classes are
    constants, so ``IncrementalBCELoss(variant='paper')`` may leave them out.

    Args:
        threshold: Least probability of an old object. Defaults to 0.7.
        **kwargs: As for :class:`mmseg.models.EncoderDecoder`. ``decode_head`` is a
            :class:`~mmseg_labelfree.models.decode_heads.StepBranchHead`.

    Raises:
        ValueError: There is another head, an auxiliary one, or the threshold is no
            probability.

    Example:
        ``model=dict(type='UnknownClassEncoderDecoder', decode_head=dict(
        type='StepBranchHead', step_sizes=(15, 1), ...))`` and
        ``custom_hooks=[dict(type='FrozenTeacherHook', checkpoint=...)]``
    """

    decode_head: StepBranchHead

    def __init__(self, *args: Any, threshold: float = 0.7, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        check_range(0, 1, threshold=threshold)
        needs_ignore_255(self)
        if not isinstance(self.decode_head, StepBranchHead) or self.with_auxiliary_head:
            raise ValueError(
                f'{type(self).__name__} needs a StepBranchHead as decode_head, and '
                'model.auxiliary_head=None'
            )
        self.threshold = threshold
        self.frozen = len(self.decode_head.conv_seg.steps) > 1
        if self.frozen:
            self.requires_grad_(False)
            for parameter in self.decode_head.conv_seg.learning():
                parameter.requires_grad = True
        self.unknown_pixels = LabelWatch(
            f'No pixel has the label {UNLABELED}, unknown, so that class learns '
            'nothing: put LabelSalientPixels behind LoadAnnotations',
            wanted=True,
        )

    def train(self, mode: bool = True) -> 'UnknownClassEncoderDecoder':
        """Set the mode; after the first step what is frozen stays in evaluation mode.

        That is backbone and neck, with their drop path, and batch norm elsewhere.
        """
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
            if self.with_neck:
                self.neck.eval()
            for layer in self.modules():
                if isinstance(layer, BatchNorm):
                    layer.eval()
        return self

    def needs_teacher(self, data_samples: SampleList) -> bool:
        """Whether there was an earlier step."""
        return self.frozen

    def set_teacher(self, teacher: EncoderDecoder) -> None:
        """Take the classifier of the old model ``teacher``."""
        classifier: Any = teacher.decode_head.conv_seg
        super().set_teacher(classifier)

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """Losses of one batch.

        Args:
            inputs: Preprocessed images (N, 3, H, W).
            data_samples: N samples with ``gt_sem_seg`` (1, H, W): classes of the step,
                254 = unknown, 255 = ignored.

        Returns:
            ``decode.*``.
        """
        head = self.decode_head
        features = head.features(self.extract_feat(inputs))
        labels = self._labels(data_samples, features)
        samples = [_sample(label) for label in labels]
        losses = head_losses(head, head.cls_seg(features), samples)
        return add_prefix(losses, 'decode')

    @torch.no_grad()
    def _labels(self, data_samples: SampleList, features: Tensor) -> Tensor:
        """What the head learns (N, H, W), the unknown class as its last one."""
        labels = torch.cat([sample.gt_sem_seg.data for sample in data_samples])
        self.unknown_pixels(labels == UNLABELED)
        if self.frozen:
            classifier: nn.Module = self.teacher
            (labels,) = striped_map(
                lambda x, label: name_old_objects(label, x, self.threshold),
                [classifier(features)],
                labels.shape[1:],
                labels,
                align_corners=self.align_corners,
            )
        return labels.masked_fill(labels == UNLABELED, self.num_classes)


def _sample(label: Tensor) -> SegDataSample:
    return SegDataSample(gt_sem_seg=PixelData(data=label[None]))
