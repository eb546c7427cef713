"""DeepLabV2's decode head, which mmseg lacks."""

from collections.abc import Sequence

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from torch import Tensor

from ..layers.summed_aspp import SummedASPP


@MODELS.register_module()
class DeepLabV2Head(BaseDecodeHead):
    """Decode head of DeepLabV2: parallel dilated convolutions to class scores, summed.

    DeepLabV2 on a ResNet (arXiv:1606.00915); the weakly supervised part of Modeling
    the Background uses it for scribbles (section 6.3.2). The whole head is its
    classifier, :class:`~mmseg_labelfree.models.layers.SummedASPP`, which is named
    ``conv_seg`` as in every head of mmseg and has a row per class: weight
    initialization, ``IncrementalClassifierInitHook`` and ``FrozenTeacherHook``
    work as with other heads.

    Args:
        in_channels: Channels of the feature map ``in_index``.
        dilations: Dilations of the branches, in pixels of the features.
            Default (6, 12, 18, 24), 'ASPP-L'; 'ASPP-S' has (2, 4, 8, 12).
        dropout_ratio: Share of the feature channels dropped in training.
            Defaults to 0, as in DeepLabV2 on a ResNet.
        **kwargs: As for mmseg's ``BaseDecodeHead``, without ``channels``:
            no layer lies between the features and the classifier.

    Raises:
        ValueError: There is no dilation, or one below 1.

    Example:
        ``decode_head=dict(type='DeepLabV2Head', in_channels=2048, in_index=0,
        num_classes=21, align_corners=True)``
    """

    def __init__(
        self,
        in_channels: int,
        dilations: Sequence[int] = (6, 12, 18, 24),
        dropout_ratio: float = 0.0,
        **kwargs,
    ) -> None:
        super().__init__(
            in_channels, in_channels, dropout_ratio=dropout_ratio, **kwargs
        )
        self.conv_seg = SummedASPP(in_channels, self.out_channels, dilations)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Logits (N, num_classes, h, w) at the size of the chosen feature map.

        Args:
            inputs: Feature maps of the backbone, (N, C, h, w) each.
        """
        return self.cls_seg(self._transform_inputs(inputs))
