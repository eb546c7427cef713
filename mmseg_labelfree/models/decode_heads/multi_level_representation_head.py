"""Head that embeds pixels by all levels of an encoder."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class MultiLevelRepresentationHead(BaseModule):
    """Head that embeds pixels by the levels of an encoder: SePiCo's projection head.

    The levels, resized to the first one and concatenated, go through two 1x1
    Conv-BN-ReLU blocks (https://arxiv.org/abs/2204.08808, authors' code). A 1x1
    convolution without bias may as well run before the resizing: here each level is
    convolved at its own size, which for MiT is an eighth of the work and makes no map
    of all channels. The weights are those of the concatenation.

    Args:
        in_channels: Channels of each level.
        channels: D, channels of the embeddings.
        in_index: Places of the levels among the encoder's outputs, the largest one
            first. Defaults to all, in order.
        align_corners: As in other heads.
        norm_cfg: Normalization, for instance ``dict(type='SyncBN')``.
        act_cfg: Activation.
        init_cfg: As in other heads.

    Example:
        ``representation_head=dict(type='MultiLevelRepresentationHead',
        in_channels=[64, 128, 320, 512])``

        >>> import torch
        >>> head = MultiLevelRepresentationHead(in_channels=[2, 3], channels=4)
        >>> head([torch.ones(1, 2, 8, 8), torch.ones(1, 3, 4, 4)]).shape
        torch.Size([1, 4, 8, 8])
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: int = 256,
        in_index: Sequence[int] | None = None,
        align_corners: bool = False,
        norm_cfg: dict | None = None,
        act_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.in_channels = list(in_channels)
        self.in_index = list(in_index or range(len(in_channels)))
        self.channels = channels
        self.align_corners = align_corners
        self.first, self.second = (
            ConvModule(
                width,
                channels,
                1,
                norm_cfg=norm_cfg or dict(type='BN'),
                act_cfg=act_cfg or dict(type='ReLU'),
            )
            for width in (sum(in_channels), channels)
        )

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Compute embeddings (N, D, h, w) of an encoder's outputs (N, C_l, h_l, w_l).

        They are not normalized; after the ReLU none of their components is negative.
        """
        levels = [features[index] for index in self.in_index]
        weights = self.first.conv.weight.split(self.in_channels, 1)
        size = levels[0].shape[2:]
        parts = [
            self._resized(F.conv2d(level, weight), size)
            for level, weight in zip(levels, weights, strict=True)
        ]
        total = sum(parts[1:], parts[0])
        return self.second(self.first.activate(self.first.norm(total)))

    def _resized(self, values: Tensor, size: torch.Size) -> Tensor:
        if values.shape[2:] == size:
            return values
        return resize(values, size, None, 'bilinear', self.align_corners, False)
