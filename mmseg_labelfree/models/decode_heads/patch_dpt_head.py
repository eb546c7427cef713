"""DPT head on patch tokens of a plain vision transformer, without batch norm."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class PatchDPTHead(BaseDecodeHead):
    """Decode head that fuses four equally large levels of a ViT: DPT.

    As in the code of Depth Anything (https://arxiv.org/abs/2401.10891) and UniMatch V2,
    after DPT (https://arxiv.org/abs/2103.13413). From P x P patches the levels become
    maps of 4 P, 2 P, P and P / 2 pixels a side; from the deepest to the first they are
    added to what there is, which is then enlarged to the size of the next level, at
    last to 8 P. MMSegmentation's ``DPTHead`` is another one: it expects class tokens,
    its residual units have batch norm and no bias, and it enlarges by 2 whatever the
    size of the next level, which differs where P is odd, as for 518 pixels.

    Args:
        in_channels: Channels of the four feature maps ``in_index``.
        level_channels: Channels of the four levels after their projection.
        channels: Channels of the fused features.
        **kwargs: As for mmseg's ``BaseDecodeHead``. The published network has
            ``align_corners=True`` and ``dropout_ratio=0``.

    Raises:
        ValueError: There are not four levels.

    Example:
        For DINOv2's ViT-S: ``decode_head=dict(type='PatchDPTHead',
        in_channels=[384] * 4, in_index=[0, 1, 2, 3], level_channels=[48, 96, 192, 384],
        channels=64, num_classes=21, align_corners=True, dropout_ratio=0.0)``
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        level_channels: Sequence[int],
        channels: int,
        **kwargs,
    ) -> None:
        if not len(in_channels) == len(level_channels) == 4:
            raise ValueError(
                f'in_channels={in_channels} and level_channels={level_channels} must '
                'have 4 entries each'
            )
        super().__init__(
            in_channels, channels, input_transform='multiple_select', **kwargs
        )
        self.projects = nn.ModuleList(
            nn.Conv2d(width, level, 1)
            for width, level in zip(in_channels, level_channels, strict=True)
        )
        first, second, _, last = level_channels
        self.resizes = nn.ModuleList(
            [
                nn.ConvTranspose2d(first, first, 4, stride=4),
                nn.ConvTranspose2d(second, second, 2, stride=2),
                nn.Identity(),
                nn.Conv2d(last, last, 3, stride=2, padding=1),
            ]
        )
        self.laterals = nn.ModuleList(
            nn.Conv2d(level, channels, 3, padding=1, bias=False)
            for level in level_channels
        )
        self.fusions = nn.ModuleList(
            LevelFusion(channels, self.align_corners, deepest=level == 3)
            for level in range(4)
        )
        self.output = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Compute logits (N, num_classes, 8 h, 8 w).

        Args:
            inputs: Feature maps of the backbone, (N, C_i, h, w).
        """
        return self.cls_seg(F.relu(self.output(self.fuse(inputs))))

    def fuse(self, inputs: Sequence[Tensor]) -> Tensor:
        """Fused features (N, channels, 8 h, 8 w)."""
        levels = self.levels(inputs)
        height, width = levels[0].shape[2:]
        sizes = [torch.Size((2 * height, 2 * width)), *(x.shape[2:] for x in levels)]
        fused = self.fusions[3](levels[3], sizes[3])
        for level in (2, 1, 0):
            fused = self.fusions[level](levels[level], sizes[level], fused)
        return fused

    def levels(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """The levels at 4, 2, 1 and 1 / 2 times their size, (N, channels, ...)."""
        layers = zip(self.projects, self.resizes, self.laterals, strict=True)
        return [
            lateral(resized(project(x)))
            for x, (project, resized, lateral) in zip(
                self._transform_inputs(inputs), layers, strict=True
            )
        ]


class LevelFusion(nn.Module):
    """Fusion of a level with the deeper ones, and enlarging.

    Args:
        channels: Channels of all maps.
        align_corners: Of the enlarging.
        deepest: Whether there is no deeper level.
    """

    def __init__(self, channels: int, align_corners: bool, deepest: bool) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.lateral = None if deepest else ResidualUnit(channels)
        self.unit = ResidualUnit(channels)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(
        self, level: Tensor, size: torch.Size, deeper: Tensor | None = None
    ) -> Tensor:
        """Fuse a level (N, C, h, w) with the deeper ones and enlarge it to ``size``."""
        if self.lateral is not None:
            level = deeper + self.lateral(level)
        fused = F.interpolate(
            self.unit(level), size, mode='bilinear', align_corners=self.align_corners
        )
        return self.project(fused)


class ResidualUnit(nn.Module):
    """Two 3x3 convolutions, each after a ReLU, beside the identity; no norm.

    Args:
        channels: Channels of input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Compute x + conv(ReLU(conv(ReLU(x)))) of (N, C, h, w)."""
        return x + self.conv2(F.relu(self.conv1(F.relu(x))))
