"""One feature vector for the masked part of an image."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...ops.masked_features import masked_feature_sum
from ...utils.checkpoint import load_weights

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


class MaskedFeatures(nn.Module):
    """Features of a frozen backbone, summed over a mask.

    Image and mask are squashed to ``size`` and the features upsampled to it. EUMS's
    paper says mean where its code sums; after the normalization to length 1 that
    precedes the clustering the two are the same.

    Args:
        backbone: Any registered backbone that returns feature maps ``(N, C, h, w)``, or
            one that is built and loaded already.
        checkpoint: Its weights, without ``'backbone.'`` in front of the names. Defaults
            to what its ``init_cfg`` loads.
        size: Height and width for the backbone.
        layer: Which of the maps.
        mean: Mean of the RGB channels, 0 to 255; defaults to ImageNet's.
        std: Their standard deviation, likewise.

    Raises:
        FileNotFoundError: There is no such checkpoint.
        ValueError: The weights do not fit, or there are none.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: Mapping | nn.Module,
        checkpoint: str | None = None,
        size: Sequence[int] = (512, 512),
        layer: int = -1,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
    ) -> None:
        super().__init__()
        self.size = tuple(size)
        self.layer = layer
        if not isinstance(backbone, nn.Module):
            backbone = _load_backbone(backbone, checkpoint)
        self.backbone = backbone.requires_grad_(False)
        self.backbone.eval()  # not in one line: MMSegmentation's ResNet returns None
        for name, values in (('mean', mean), ('std', std)):
            buffer = torch.tensor(values, dtype=torch.float32).view(1, 3, 1, 1)
            self.register_buffer(name, buffer, persistent=False)

    @classmethod
    def for_model(cls, model: BaseModel, **kwargs) -> 'MaskedFeatures':
        """Build from ``kwargs``; without ``backbone`` with a segmentor's own.

        Its normalization then is taken as well; it has to be that of RGB images.
        """
        if 'backbone' not in kwargs:
            norm = model.data_preprocessor
            mean, std = (v.flatten().tolist() for v in (norm.mean, norm.std))
            kwargs = dict(kwargs, backbone=model.backbone, mean=mean, std=std)
        return cls(**kwargs)

    @torch.no_grad()
    def forward(self, image: np.ndarray, mask: np.ndarray) -> Tensor:
        """Sum of the features over the mask.

        Args:
            image: uint8 ``(H, W, 3)``, BGR.
            mask: Bool ``(H, W)``.

        Returns:
            float32 ``(C,)``.
        """
        device = self.mean.device
        rgb = np.ascontiguousarray(image[..., ::-1].transpose(2, 0, 1))
        x = torch.from_numpy(rgb).to(device)[None].float()
        x = F.interpolate(x, self.size, mode='bilinear', antialias=True)
        maps = self.backbone((x - self.mean) / self.std)
        features = maps if isinstance(maps, Tensor) else maps[self.layer]
        small = torch.from_numpy(mask).to(device)[None, None].float()
        small = F.interpolate(small, self.size, mode='nearest')[:, 0]
        if not small.any():  # a mask of a few pixels may fall between the points
            small = torch.from_numpy(mask).to(device)[None].float()
        return masked_feature_sum(features, small)[0]


def _load_backbone(config: Mapping, checkpoint: str | None) -> nn.Module:
    backbone = MODELS.build(config)
    if checkpoint is None:
        if not config.get('init_cfg'):
            raise ValueError(
                f'the features of {config["type"]} would be random: give it an '
                'init_cfg, or a `checkpoint`'
            )
        backbone.init_weights()
        return backbone
    weights, _, filename = load_weights(checkpoint)
    try:
        backbone.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(
            f'the weights in {filename} do not fit {config["type"]}: {error}'
        ) from error
    return backbone
