"""Decode head of DeepLabV3 with a branch for each step, and one for what is unknown."""

from collections.abc import Sequence
from typing import Any

from mmcv.cnn import ConvModule
from mmseg.models.decode_heads import ASPPHead
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...ops.unknown_class import merge_unknown
from ..layers.step_classifier import StepClassifier


@MODELS.register_module()
class StepBranchHead(ASPPHead):
    """Decode head of SSUL: ASPP, then a branch for each step and one for the unknown.

    The branches of ASPP are projected by a 1x1 convolution, single values are dropped,
    and a :class:`~mmseg_labelfree.models.layers.StepClassifier` takes the place of
    ``conv_seg``. It gives the logits of the background, of the classes, and last of the
    unknown class, objects of no step so far, whose label is ``num_classes``.
    Predictions have the known classes alone, see
    :func:`~mmseg_labelfree.ops.merge_unknown`.

    That single values are dropped, not channels as in MMSegmentation's ``ASPPHead``, is
    torchvision's DeepLabV3; of the authors' only the share is known.

    Args:
        step_sizes: Number of classes of each step so far, without the background.
            ``ClassIncrementalProtocol`` sets it.
        num_classes: One more than their sum.
        dropout_ratio: Share of the projected values dropped; 0 for none. Defaults to
            0.1.
        **kwargs: As for mmseg's ``ASPPHead``. Its loss sees one logit more than there
            are classes.

    Raises:
        ValueError: ``num_classes`` is another number.

    Example:
        ``decode_head=dict(type='StepBranchHead', step_sizes=(15, 1), num_classes=17,
        in_channels=2048, in_index=0, channels=256, dilations=(1, 6, 12, 18),
        norm_cfg=dict(type='BN'), loss_decode=dict(type='IncrementalBCELoss',
        num_old_classes=1))``
    """

    conv_seg: StepClassifier

    def __init__(
        self,
        step_sizes: Sequence[int],
        num_classes: int,
        dropout_ratio: float = 0.1,
        **kwargs: Any,
    ) -> None:
        if num_classes != 1 + sum(step_sizes):
            raise ValueError(
                f'num_classes={num_classes}, but the background and '
                f'step_sizes={tuple(step_sizes)} are {1 + sum(step_sizes)} classes'
            )
        super().__init__(
            num_classes=num_classes,
            dropout_ratio=dropout_ratio,
            **dict(init_cfg=None) | kwargs,
        )
        layers = dict(
            conv_cfg=self.conv_cfg, norm_cfg=self.norm_cfg, act_cfg=self.act_cfg
        )
        width = (len(self.dilations) + 1) * self.channels
        self.bottleneck = ConvModule(width, self.channels, 1, **layers)
        if dropout_ratio:
            self.dropout = nn.Dropout(dropout_ratio)
        self.conv_seg = StepClassifier(self.channels, step_sizes, **layers)

    def features(self, inputs: Sequence[Tensor]) -> Tensor:
        """Compute the classifier's input (N, channels, h, w), before dropout."""
        return self._forward_feature(inputs)

    def predict_by_feat(
        self, seg_logits: Tensor, batch_img_metas: list[dict]
    ) -> Tensor:
        """Score the known classes (N, num_classes, H, W) at the size of the input."""
        enlarged = super().predict_by_feat(seg_logits, batch_img_metas)
        return merge_unknown(enlarged)
