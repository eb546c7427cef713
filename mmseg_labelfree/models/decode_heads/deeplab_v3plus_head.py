"""Decode head of DeepLabV3+ with full convolutions."""

from collections.abc import Sequence
from typing import Any

import torch
from mmcv.cnn import ConvModule
from mmseg.models.decode_heads import ASPPHead
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class DeepLabV3PlusHead(ASPPHead):
    """Decode head of DeepLabV3+ as U2PL's and UniMatch's code have it.

    ASPP and a convolution over it are enlarged to the size of the first feature
    map and follow a 1x1 projection of that map; two 3x3 convolutions and the classifier
    see both (https://arxiv.org/abs/1802.02611, figure 2). MMSegmentation's
    ``DepthwiseSeparableASPPHead`` takes the same arguments and is another network: its
    convolutions are depthwise separable, the two parts follow in the other order, and
    whole channels are dropped before the classifier alone, not after ASPP and between
    the two convolutions too.

    ``fusion`` holds the two 3x3 convolutions: a ``RepresentationHead`` with
    ``layer='fusion'`` and ``bias=True`` is the authors' second head beside them.

    Args:
        c1_in_channels: Channels of the first feature map.
        c1_channels: Channels of its projection.
        context_kernel_size: Size of the convolution over ASPP: 3 with U2PL (default), 1
            with UniMatch.
        bias: Whether the projection and the two convolutions have a bias in front of
            their norm: with U2PL (default), not with UniMatch.
        **kwargs: As for mmseg's ``ASPPHead``, such as ``dilations``, where 1 stands for
            the 1x1 convolution.

    Example:
        U2PL's: ``decode_head=dict(type='DeepLabV3PlusHead', in_channels=2048,
        in_index=3, channels=256, dilations=(1, 12, 24, 36), c1_in_channels=256,
        c1_channels=256, num_classes=21, norm_cfg=dict(type='SyncBN'),
        align_corners=True)``
    """

    def __init__(
        self,
        c1_in_channels: int,
        c1_channels: int,
        context_kernel_size: int = 3,
        bias: bool = True,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        layers: dict[str, Any] = dict(
            conv_cfg=self.conv_cfg, norm_cfg=self.norm_cfg, act_cfg=self.act_cfg
        )
        self.bottleneck = ConvModule(
            (len(self.dilations) + 1) * self.channels,
            self.channels,
            context_kernel_size,
            padding=context_kernel_size // 2,
            **layers,
        )
        layers = dict(layers, bias=bias)
        width = c1_channels + self.channels
        self.c1_bottleneck = ConvModule(c1_in_channels, c1_channels, 1, **layers)
        self.fusion = nn.Sequential(
            ConvModule(width, self.channels, 3, padding=1, **layers),
            nn.Dropout2d(self.dropout_ratio),
            ConvModule(self.channels, self.channels, 3, padding=1, **layers),
        )
        self.context_dropout = nn.Dropout2d(self.dropout_ratio)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Compute logits (N, num_classes, h, w) at the size of the first map.

        Args:
            inputs: Feature maps of the backbone, (N, C_i, h_i, w_i); ASPP takes the
                one of ``in_index``.
        """
        details = self.c1_bottleneck(inputs[0])
        context = resize(
            self.context_dropout(self._forward_feature(inputs)),
            details.shape[2:],
            mode='bilinear',
            align_corners=self.align_corners,
        )
        return self.cls_seg(self.fusion(torch.cat([details, context], 1)))
