"""EfficientNet-Lite with dilation, for dense prediction."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmseg.models.utils import make_divisible
from mmseg.registry import MODELS
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

#: Padding is TensorFlow's 'same': it depends on the input size, and where the total is
#: odd the extra row or column lies at the bottom or right.
SAME_PADDING = dict(type='Conv2dAdaptivePadding')
ACTIVATION = dict(type='ReLU6')


class Stage(NamedTuple):
    """One stage of the network: ``num_blocks`` blocks of one width.

    ``kernel_size`` and ``expand_ratio`` hold for every block, ``stride`` for the first.
    """

    kernel_size: int
    stride: int
    expand_ratio: int
    channels: int
    num_blocks: int


class LiteInvertedResidual(BaseModule):
    """Inverted residual block without squeeze and excitation.

    Args:
        in_channels: Width of the input.
        stage: Settings of the block's stage; ``num_blocks`` is not used.
        stride: Stride of the depthwise convolution.
        dilation: Dilation of the depthwise convolution.
        norm_cfg: Config of the norm layers.
    """

    def __init__(
        self, in_channels: int, stage: Stage, stride: int, dilation: int, norm_cfg: dict
    ) -> None:
        """Build the two or three convolutions."""
        super().__init__()
        hidden = in_channels * stage.expand_ratio
        self.with_shortcut = stride == 1 and in_channels == stage.channels
        self.expand_conv = None
        if stage.expand_ratio != 1:
            self.expand_conv = ConvModule(
                in_channels, hidden, 1, norm_cfg=norm_cfg, act_cfg=ACTIVATION
            )
        self.depthwise_conv = ConvModule(
            hidden,
            hidden,
            stage.kernel_size,
            stride=stride,
            dilation=dilation,
            groups=hidden,
            conv_cfg=SAME_PADDING,
            norm_cfg=norm_cfg,
            act_cfg=ACTIVATION,
        )
        self.linear_conv = ConvModule(
            hidden, stage.channels, 1, norm_cfg=norm_cfg, act_cfg=None
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, in_channels, H, W)`` to ``(N, channels, H / stride, W / stride)``.

        Odd sizes are rounded up.
        """
        out = x if self.expand_conv is None else self.expand_conv(x)
        out = self.linear_conv(self.depthwise_conv(out))
        return x + out if self.with_shortcut else out


@MODELS.register_module()
class EfficientNetLite(BaseModule):
    """EfficientNet-Lite 0 to 4.

    The mobile variant of `EfficientNet <https://arxiv.org/abs/1905.11946>`_: ReLU6 in
    place of swish, no squeeze and excitation, and stem, first and last stage of fixed
    depth. The classifier and the 1x1 convolution in front of it are left out. Stages
    are numbered like those of mmseg's MobileNetV2, so ``out_indices`` and
    ``frozen_stages`` carry over between the two:

    ======== ========= =========================================
    index    stride    channels of lite0, lite1, lite2, lite3, lite4
    ======== ========= =========================================
    0        2         16, 16, 16, 24, 24
    1        4         24, 24, 24, 32, 32
    2        8         40, 40, 48, 48, 56
    3        16        80, 80, 88, 96, 112
    4        16        112, 112, 120, 136, 160
    5        32        192, 192, 208, 232, 272
    6        32        320, 320, 352, 384, 448
    ======== ========= =========================================

    The ImageNet weights expect RGB in [0, 255] normalised by mean 127 and standard
    deviation 128 in every channel, not ImageNet's usual numbers. They come from
    ``tools/model_converters/efficientnet_lite_to_mmseg.py``.

    Args:
        arch: ``'lite0'`` to ``'lite4'``.
        out_indices: Stages to return, each in 0 to 6, in the order of the output.
        output_stride: Largest stride, 32, 16 or 8. Below 32 the last strided stages
            keep their resolution, and the convolutions behind each removed stride are
            dilated instead, so that pretrained weights see the same neighbourhood.
        frozen_stages: -1 freezes nothing, 0 the stem, ``k`` the stem and the first
            ``k`` stages: no gradient, and norm layers in eval mode.
        norm_cfg: Config of the norm layers. ``eps`` is 1e-3 where it is not given,
            because the weights were trained with it.
        norm_eval: Whether all batch norm layers stay in eval mode while training.
        init_cfg: Initialisation, by default Kaiming for convolutions and one for norm
            layers.

    Raises:
        ValueError: If ``arch``, ``out_indices``, ``output_stride`` or
            ``frozen_stages`` is not one of the values above.

    Example:
        .. code-block:: python

            data_preprocessor = dict(
                mean=[127.0] * 3, std=[128.0] * 3, bgr_to_rgb=True)
            model = dict(
                backbone=dict(
                    _delete_=True,
                    type='EfficientNetLite',
                    arch='lite0',
                    output_stride=16,
                    init_cfg=dict(type='Pretrained', checkpoint='lite0.pth')),
                decode_head=dict(in_channels=320, in_index=3),
                auxiliary_head=dict(in_channels=112, in_index=2))
    """

    #: Width and depth multiplier.
    arch_settings = {
        'lite0': (1.0, 1.0),
        'lite1': (1.0, 1.1),
        'lite2': (1.1, 1.2),
        'lite3': (1.2, 1.4),
        'lite4': (1.4, 1.8),
    }
    #: The stages of lite0.
    base_stages = (
        Stage(3, 1, 1, 16, 1),
        Stage(3, 2, 6, 24, 2),
        Stage(5, 2, 6, 40, 2),
        Stage(3, 2, 6, 80, 3),
        Stage(5, 1, 6, 112, 3),
        Stage(5, 2, 6, 192, 4),
        Stage(3, 1, 6, 320, 1),
    )
    stem_channels = 32

    def __init__(
        self,
        arch: str = 'lite0',
        out_indices: Sequence[int] = (1, 2, 4, 6),
        output_stride: int = 32,
        frozen_stages: int = -1,
        norm_cfg: dict | None = None,
        norm_eval: bool = False,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        """Check the arguments and build stem and stages."""
        if init_cfg is None:
            init_cfg = [
                dict(type='Kaiming', layer='Conv2d'),
                dict(type='Constant', val=1, layer=['_BatchNorm', 'GroupNorm']),
            ]
        super().__init__(init_cfg)
        stages = self.scaled_stages(arch)
        if not out_indices or any(i not in range(len(stages)) for i in out_indices):
            raise ValueError(
                f'out_indices must be in 0 to {len(stages) - 1}, got {out_indices}'
            )
        if output_stride not in (8, 16, 32):
            raise ValueError(f'output_stride must be 8, 16 or 32, got {output_stride}')
        if frozen_stages not in range(-1, len(stages) + 1):
            raise ValueError(
                f'frozen_stages must lie in -1 to {len(stages)}, got {frozen_stages}'
            )
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        norm_cfg = {'eps': 1e-3, **(norm_cfg or dict(type='BN'))}

        self.conv1 = ConvModule(
            3,
            self.stem_channels,
            3,
            stride=2,
            conv_cfg=SAME_PADDING,
            norm_cfg=norm_cfg,
            act_cfg=ACTIVATION,
        )
        self.layers = [f'layer{i + 1}' for i in range(len(stages))]
        in_channels, reached_stride, dilation = self.stem_channels, 2, 1
        for name, stage in zip(self.layers, stages, strict=True):
            # The block that loses its stride still reads undilated input; only what
            # follows it must skip the positions that the stride would have dropped.
            stride, first_dilation = stage.stride, dilation
            if reached_stride * stride > output_stride:
                dilation *= stride
                stride = 1
            reached_stride *= stride
            blocks = []
            for i in range(stage.num_blocks):
                first = i == 0
                blocks.append(
                    LiteInvertedResidual(
                        in_channels,
                        stage,
                        stride=stride if first else 1,
                        dilation=first_dilation if first else dilation,
                        norm_cfg=norm_cfg,
                    )
                )
                in_channels = stage.channels
            self.add_module(name, nn.Sequential(*blocks))

    @classmethod
    def scaled_stages(cls, arch: str) -> list[Stage]:
        """Return the seven stages of one architecture.

        Widths are rounded to multiples of 8. The depth of the first and the last stage
        is not scaled.

        Args:
            arch: ``'lite0'`` to ``'lite4'``.

        Raises:
            ValueError: If ``arch`` is unknown.
        """
        if arch not in cls.arch_settings:
            known = ', '.join(cls.arch_settings)
            raise ValueError(f'arch must be one of {known}, got {arch!r}')
        width, depth = cls.arch_settings[arch]
        last = len(cls.base_stages) - 1
        return [
            stage._replace(
                channels=make_divisible(stage.channels * width, 8),
                num_blocks=stage.num_blocks
                if i in (0, last)
                else math.ceil(stage.num_blocks * depth),
            )
            for i, stage in enumerate(cls.base_stages)
        ]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute the feature maps of the stages in ``out_indices``.

        Args:
            x: Normalised RGB images, float ``(N, 3, H, W)``.

        Returns:
            One float tensor ``(N, channels, ceil(H / stride), ceil(W / stride))`` for
            each entry of ``out_indices``, always as a tuple.
        """
        x = self.conv1(x)
        features = []
        for name in self.layers[: max(self.out_indices) + 1]:
            x = getattr(self, name)(x)
            features.append(x)
        return tuple(features[i] for i in self.out_indices)

    def train(self, mode: bool = True) -> 'EfficientNetLite':
        """Switch the mode, except for frozen stages and fixed norm layers."""
        super().train(mode)
        if self.frozen_stages >= 0:
            for name in ['conv1', *self.layers[: self.frozen_stages]]:
                getattr(self, name).eval().requires_grad_(False)
        if self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self
