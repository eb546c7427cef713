"""Position embedding of DINO's ViT; importing this needs mmpretrain."""

from typing import Any

import torch
import torch.nn.functional as F
from mmpretrain.models.backbones import VisionTransformer
from torch import Tensor

__all__ = ['VisionTransformerOfDINO', 'resized_positions']


def resized_positions(positions: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize a position embedding as DINO's code does.

    The patches' part is enlarged by the factor (size + 0.1) / side, bicubic, and the
    coordinates follow from that factor, not from the sizes: other values than those
    of an interpolation to ``size``.

    Args:
        positions: Embedding ``(1, 1 + side * side, C)``, the class token's first.
        size: Rows and columns of patches of the image.

    Returns:
        ``(1, 1 + rows * columns, C)``.

    Example:
        >>> resized_positions(torch.zeros(1, 1 + 14 * 14, 8), (6, 8)).shape
        torch.Size([1, 49, 8])
    """
    token, patches = positions[:, :1], positions[:, 1:]
    side = round(patches.shape[1] ** 0.5)
    if tuple(size) == (side, side):
        return positions
    grid = patches.unflatten(1, (side, side)).permute(0, 3, 1, 2)
    factor = [(length + 0.1) / side for length in size]
    grid = F.interpolate(grid, scale_factor=factor, mode='bicubic')
    return torch.cat((token, grid.flatten(2).transpose(1, 2)), dim=1)


class VisionTransformerOfDINO(VisionTransformer):
    """mmpretrain's ViT with :func:`resized_positions` and the norm on each output.

    Pixels that fill no patch are left out, where mmpretrain's adds black ones.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.patch_embed.adaptive_padding = None

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute the outputs of the chosen layers of images ``(N, 3, H, W)``."""
        x, size = self.patch_embed(x)
        x = torch.cat((self.cls_token.expand(len(x), -1, -1), x), dim=1)
        x = self.drop_after_pos(x + resized_positions(self.pos_embed, size))
        x = self.pre_norm(x)
        outputs = []
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if i in self.out_indices:
                normed = self.ln1(x) if self.final_norm else x
                outputs.append(self._format_output(normed, size))
        return tuple(outputs)
