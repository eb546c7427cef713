"""Distance of a backbone's features to those it had before training."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...ops.feature_distance import feature_distance, shrink_labels
from ..utils.pretrained_check import check_pretrained
from .base import BaseLoss


@MODELS.register_module()
class FeatureDistance(BaseLoss):
    """Loss that keeps the features of things near those of the ImageNet encoder.

    DAFormer's feature distance (https://arxiv.org/abs/2111.14887, section 3.3): the
    mean, over the positions of the last stage that show things, of the distance to the
    features of a frozen copy of the encoder. A position shows the class that has a
    share of at least ``min_ratio`` of its pixels. Without any such position the loss is
    0 (the authors' code gives NaN).

    The copy is taken when the segmentor's weights are initialized, from the file of
    ``backbone.init_cfg``; it is in no ``state_dict`` and no checkpoint. A resumed run
    takes it from the same file again, before it loads the checkpoint.

    Args:
        classes: Labels of the things. None for all positions, whatever they show.
        min_ratio: See above, 0 to 1.
        loss_weight: Factor on the loss.
        **kwargs: As for :class:`BaseLoss`.

    Raises:
        ValueError: ``min_ratio`` is out of range.

    Example:
        ``model=dict(type='FeatureDistanceEncoderDecoder', feature_distance=dict(
        type='FeatureDistance', classes=[6, 7, *range(11, 19)]))``
    """

    loss_name = 'loss_feature_distance'

    def __init__(
        self,
        classes: Sequence[int] | None = None,
        min_ratio: float = 0.75,
        loss_weight: float = 0.005,
        **kwargs: Any,
    ) -> None:
        super().__init__(loss_weight=loss_weight, **kwargs)
        if not 0 <= min_ratio <= 1:
            raise ValueError(f'min_ratio={min_ratio} is not in 0 to 1')
        self.classes = None if classes is None else tuple(classes)
        self.min_ratio = min_ratio

    def check_classes(self, num_classes: int) -> None:
        """Check that the model knows the things.

        Args:
            num_classes: Of the model.

        Raises:
            ValueError: A class does not exist; names it.
        """
        unknown = [c for c in self.classes or () if not 0 <= c < num_classes]
        if unknown:
            raise ValueError(
                f'feature_distance.classes has {unknown[0]}, but the model has the '
                f'{num_classes} classes 0 to {num_classes - 1}: correct the list'
            )

    def freeze(self, backbone: BaseModule) -> None:
        """Keep a frozen copy of a backbone whose weights were just initialized.

        Raises:
            ValueError: They are not from a file, or the file does not fit.
        """
        cfgs = backbone.init_cfg
        cfgs = cfgs if isinstance(cfgs, list) else [cfgs]
        if not any(cfg and cfg['type'] == 'Pretrained' for cfg in cfgs):
            raise ValueError(
                'feature_distance needs the ImageNet weights of the backbone: set '
                "model.backbone.init_cfg=dict(type='Pretrained', checkpoint=...), or "
                'take feature_distance out'
            )
        check_pretrained(backbone)
        self.set_encoder(copy.deepcopy(backbone))

    def set_encoder(self, encoder: nn.Module) -> None:
        """Take the frozen encoder, past ``nn.Module``: it is in no ``state_dict``."""
        encoder.eval()  # some backbones return None here
        self.__dict__['_encoder'] = encoder.requires_grad_(False)

    @property
    def encoder(self) -> nn.Module:
        """The frozen encoder.

        Raises:
            AttributeError: There is none.
        """
        return self.__getattr__('encoder')

    def __getattr__(self, name: str) -> Any:
        if name != 'encoder':
            return super().__getattr__(name)
        if '_encoder' not in self.__dict__:
            raise AttributeError(
                'feature_distance has no frozen encoder yet: call init_weights() of '
                'the segmentor first, as a Runner does'
            )
        return self.__dict__['_encoder']

    @torch.no_grad()
    def frozen_features(self, images: Tensor) -> Tensor:
        """The last stage's features (N, C, h, w) of the frozen encoder."""
        return self.encoder(images)[-1]

    def forward(self, features: Tensor, images: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss of the labeled images.

        Args:
            features: The last stage's of the student (N, C, h, w).
            images: Normalized (N, 3, H, W).
            labels: int64 (N, H, W), 255 = ignored.

        Returns:
            A scalar, float32 (float64 for float64).
        """
        frozen = self.frozen_features(images) if len(images) else features
        mask = self.mask(labels, features.shape[2:])
        return self.loss_weight * feature_distance(features, frozen, mask)

    def mask(self, labels: Tensor, size: Sequence[int]) -> Tensor:
        """Positions (N, h, w) of a map of ``size`` that show things, bool."""
        height, width = size
        if self.classes is None:
            return labels.new_ones((len(labels), height, width), dtype=torch.bool)
        small = shrink_labels(labels, size, self.min_ratio)
        mask = torch.zeros_like(small, dtype=torch.bool)
        for index in self.classes:
            mask |= small == index
        return mask
