"""Decode head of DAFormer, and of the original SegFormer and AFA."""

from collections.abc import Sequence
from typing import Literal

import torch
from mmcv.cnn import ConvModule
from mmseg.models.decode_heads.aspp_head import ASPPModule
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.decode_heads.sep_aspp_head import DepthwiseSeparableASPPModule
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...utils.choices import check_choice

_ASPP = {'aspp': ASPPModule, 'sep_aspp': DepthwiseSeparableASPPModule}


@MODELS.register_module()
class DAFormerHead(BaseDecodeHead):
    """Decode head that fuses all levels of a backbone with context: DAFormer.

    Each level is projected to ``embed_dims`` channels, without norm and activation,
    and enlarged to the size of the first; their concatenation is fused
    (https://arxiv.org/abs/2111.14887, section 3.2). With ``fusion='conv'`` this is the
    head of SegFormer's and AFA's code; MMSegmentation's ``SegformerHead`` is another
    one, which normalizes and rectifies each level.

    Args:
        in_channels: Channels of the feature maps ``in_index``.
        channels: Channels of the fused features.
        embed_dims: Channels of each projected level.
        fusion: 'sep_aspp': a 1x1 and dilated, depthwise separable 3x3 convolutions
            side by side and a 3x3 convolution over them, without image pooling, as
            published; 'aspp': the same with plain convolutions; 'conv': one 1x1
            convolution. All with norm and activation.
        dilations: Of the branches of ASPP, in pixels of the first level.
        deepest_first: Concatenate from the last level to the first, as AFA's code does;
            the same network up to the order of weights.
        **kwargs: As for mmseg's ``BaseDecodeHead``. Without ``norm_cfg`` the
            convolutions have a bias and no norm.

    Raises:
        ValueError: ``fusion`` is unknown.

    Example:
        ``decode_head=dict(type='DAFormerHead', in_channels=[64, 128, 320, 512],
        in_index=[0, 1, 2, 3], channels=256, num_classes=19,
        norm_cfg=dict(type='BN'))``
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: int = 256,
        embed_dims: int = 256,
        fusion: Literal['sep_aspp', 'aspp', 'conv'] = 'sep_aspp',
        dilations: Sequence[int] = (1, 6, 12, 18),
        deepest_first: bool = False,
        **kwargs,
    ) -> None:
        check_choice('fusion', fusion, (*_ASPP, 'conv'))
        super().__init__(
            in_channels, channels, input_transform='multiple_select', **kwargs
        )
        self.deepest_first = deepest_first
        self.embed_layers = nn.ModuleList(
            nn.Conv2d(width, embed_dims, 1) for width in in_channels
        )
        layers = dict(
            conv_cfg=self.conv_cfg, norm_cfg=self.norm_cfg, act_cfg=self.act_cfg
        )
        width = embed_dims * len(in_channels)
        if fusion == 'conv':
            self.fuse_layer = ConvModule(width, channels, 1, **layers)
        else:
            self.fuse_layer = ContextFusion(
                _ASPP[fusion](
                    dilations=tuple(dilations),
                    in_channels=width,
                    channels=channels,
                    **layers,
                ),
                ConvModule(channels * len(dilations), channels, 3, padding=1, **layers),
            )

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Compute logits (N, num_classes, h, w) at the size of the first level.

        Args:
            inputs: Feature maps of the backbone, (N, C_i, h_i, w_i).
        """
        return self.cls_seg(self.fuse_layer(self.embed(inputs)))

    def embed(self, inputs: Sequence[Tensor]) -> Tensor:
        """Projected levels, one after the other: (N, levels x embed_dims, h, w)."""
        maps = self._transform_inputs(inputs)
        size = maps[0].shape[2:]
        embedded = [
            resize(layer(x), size, mode='bilinear', align_corners=self.align_corners)
            for layer, x in zip(self.embed_layers, maps, strict=True)
        ]
        return torch.cat(embedded[::-1] if self.deepest_first else embedded, 1)


class ContextFusion(nn.Module):
    """Convolutions side by side and one over all of them: ASPP without image pooling.

    Args:
        aspp_modules: The branches, which give a list of maps.
        bottleneck: Takes their concatenation.
    """

    def __init__(self, aspp_modules: ASPPModule, bottleneck: ConvModule) -> None:
        super().__init__()
        self.aspp_modules = aspp_modules
        self.bottleneck = bottleneck

    def forward(self, features: Tensor) -> Tensor:
        """Fuse features (N, C, h, w) to (N, channels, h, w)."""
        return self.bottleneck(torch.cat(self.aspp_modules(features), 1))
