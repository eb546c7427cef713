"""Decode head of DeepLabV3 with a projection after ASPP."""

from typing import Any

from mmcv.cnn import ConvModule
from mmengine.model import initialize
from mmseg.models.decode_heads import ASPPHead
from mmseg.registry import MODELS
from torch import nn

_BY_INPUTS = dict(type='Kaiming', layer='Conv2d', mode='fan_in')


@MODELS.register_module()
class DeepLabV3Head(ASPPHead):
    """Decode head of DeepLabV3 as torchvision's and EUMS's code have it.

    The branches of ASPP are projected by a 1x1 convolution
    (https://arxiv.org/abs/1706.05587, section 4.1), and a 3x3 convolution comes before
    the classifier. Single values are dropped between the two; MMSegmentation's
    ``ASPPHead`` has one 3x3 convolution in place of both, which drops whole channels
    before the classifier. The image's branch is the first here and the last there,
    the same network up to the order of weights
    (``tools/model_converters/ncdss_to_mmseg.py``).

    All convolutions, the classifier too, start as EUMS's: drawn by Kaiming's normal
    rule for the number of inputs, where MMSegmentation's heads take that of outputs.

    Args:
        dropout_ratio: Share of the projected values dropped; 0 for none.
        init_cfg: Another start, see ``mmengine.model.BaseModule``. Defaults to None.
        **kwargs: As for mmseg's ``ASPPHead``, such as ``dilations``, where 1 stands for
            the 1x1 convolution.

    Example:
        EUMS's: ``decode_head=dict(type='DeepLabV3Head', in_channels=2048, in_index=0,
        channels=256, dilations=(1, 12, 24, 36), num_classes=21,
        norm_cfg=dict(type='BN'))``
    """

    def __init__(
        self, dropout_ratio: float = 0.5, init_cfg: Any = None, **kwargs
    ) -> None:
        super().__init__(dropout_ratio=0, init_cfg=init_cfg or _BY_INPUTS, **kwargs)
        layers = dict(
            conv_cfg=self.conv_cfg, norm_cfg=self.norm_cfg, act_cfg=self.act_cfg
        )
        width = (len(self.dilations) + 1) * self.channels
        self.bottleneck = nn.Sequential(
            ConvModule(width, self.channels, 1, **layers),
            nn.Dropout(dropout_ratio),
            ConvModule(self.channels, self.channels, 3, padding=1, **layers),
        )

    def init_weights(self) -> None:
        """Draw the weights; those of layers that mmcv draws anew once more."""
        drawn = self.is_init
        super().init_weights()
        if self.init_cfg == _BY_INPUTS and not drawn:
            initialize(self, self.init_cfg)
