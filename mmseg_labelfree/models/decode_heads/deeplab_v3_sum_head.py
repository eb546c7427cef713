"""Decode head of DeepLabV3 to which the pooled branch is added."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn import build_activation_layer, build_norm_layer
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from torch import Tensor, nn

__all__ = ['DeepLabV3SumHead', 'window_means']

SLOPE = 0.01
GAIN = nn.init.calculate_gain('leaky_relu', SLOPE)


@MODELS.register_module()
class DeepLabV3SumHead(BaseDecodeHead):
    """Decode head of DeepLabV3 as MiB's code has it.

    The branches of ASPP (https://arxiv.org/abs/1706.05587) share one norm and are
    projected by one 1x1 convolution. The image's branch, 1x1 convolution, norm and
    another 1x1 convolution, is added to that; a norm over the sum and the classifier
    follow. An activation stands behind each norm. MMSegmentation's ``ASPPHead`` has a
    norm in each branch, joins the image's branch to the others and has a 3x3
    convolution over them all.

    At test the authors pool windows of the training's size, not the whole image, so
    that each position sees as much of an image as in training (``pool_size``).

    Args:
        dilations: Of the branches, where 1 stands for the 1x1 convolution. Defaults to
            (1, 6, 12, 18).
        pool_size: Side of the pooled windows in evaluation mode, in positions of the
            features, 32 for crops of 512 at output stride 16. None pools the whole
            image, which is the same for images of the training's size. Defaults to
            None.
        **kwargs: As for mmseg's decode heads; a ``norm_cfg`` is needed. ``act_cfg``
            defaults to leaky ReLU of slope 0.01, ``init_cfg`` to Xavier's normal draw,
            and that of mmseg for the classifier.

    Raises:
        ValueError: ``pool_size`` is below 1, or there is no norm.

    Example:
        ``decode_head=dict(type='DeepLabV3SumHead', in_channels=2048, in_index=0,
        channels=256, dropout_ratio=0, num_classes=21, norm_cfg=dict(type='SyncBN'))``
    """

    def __init__(
        self,
        dilations: Sequence[int] = (1, 6, 12, 18),
        pool_size: int | None = None,
        **kwargs,
    ) -> None:
        kwargs.setdefault('act_cfg', dict(type='LeakyReLU', negative_slope=SLOPE))
        kwargs.setdefault(
            'init_cfg',
            [
                dict(type='Xavier', layer='Conv2d', distribution='normal', gain=GAIN),
                dict(type='Normal', std=0.01, override=dict(name='conv_seg')),
            ],
        )
        super().__init__(**kwargs)
        if self.norm_cfg is None:
            raise ValueError('DeepLabV3SumHead needs norm_cfg, such as dict(type="BN")')
        if pool_size is not None and pool_size < 1:
            raise ValueError(f'pool_size must be at least 1, got {pool_size}')
        self.pool_size = pool_size
        self.branches = nn.ModuleList(
            _conv(self.in_channels, self.channels, dilation) for dilation in dilations
        )
        self.project = nn.Sequential(
            *self._norm_and_activation(len(dilations) * self.channels),
            _conv(len(dilations) * self.channels, self.channels),
        )
        self.pooled = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            _conv(self.in_channels, self.channels),
            *self._norm_and_activation(self.channels),
            _conv(self.channels, self.channels),
        )
        self.joint = nn.Sequential(*self._norm_and_activation(self.channels))

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Compute logits (N, num_classes, h, w) at the size of the features.

        Args:
            inputs: Feature maps of the backbone, of which the one of ``in_index``
                counts.
        """
        x = self._transform_inputs(inputs)
        branches = torch.cat([branch(x) for branch in self.branches], 1)
        return self.cls_seg(self.joint(self.project(branches) + self._image_branch(x)))

    def _image_branch(self, x: Tensor) -> Tensor:
        if self.training or self.pool_size is None:
            return self.pooled(x)
        return self.pooled[1:](window_means(x, self.pool_size))

    def _norm_and_activation(self, channels: int) -> list[nn.Module]:
        norm = build_norm_layer(self.norm_cfg, channels)[1]
        return [norm, build_activation_layer(self.act_cfg)]


def _conv(in_channels: int, channels: int, dilation: int = 1) -> nn.Conv2d:
    """A 3x3 convolution of that dilation, or for 1 a 1x1 convolution."""
    size, padding = (1, 0) if dilation == 1 else (3, dilation)
    return nn.Conv2d(
        in_channels, channels, size, padding=padding, dilation=dilation, bias=False
    )


def window_means(x: Tensor, size: int) -> Tensor:
    """Average the window around each position, near a border the last whole window.

    Args:
        x: ``(N, C, h, w)``.
        size: Side of the windows, at most that of ``x``. In an even one the position is
            the last of the first half.

    Returns:
        ``(N, C, h, w)``.

    Example:
        >>> window_means(torch.arange(6.0).view(1, 1, 1, 6), 3).flatten()
        tensor([1., 1., 2., 3., 4., 4.])
    """
    height, width = (min(size, side) for side in x.shape[2:])
    rows = F.avg_pool2d(x, (height, 1), stride=1)
    means = F.avg_pool2d(rows, (1, width), stride=1)
    border = (width - 1) // 2, width // 2, (height - 1) // 2, height // 2
    return F.pad(means, border, mode='replicate')
