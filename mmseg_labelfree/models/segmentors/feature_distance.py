"""Segmentor of a stock config with DAFormer's feature distance."""

from collections.abc import Sequence

import torch
from mmseg.models import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.utils import SampleList
from torch import Tensor

from .striped import StripedEncoderDecoder

__all__ = ['FeatureDistanceEncoderDecoder', 'FeatureDistanceMixin']


class FeatureDistanceMixin(EncoderDecoder):
    """Mixin of segmentors that keep the features of things near ImageNet's.

    Args:
        feature_distance: A :class:`~mmseg_labelfree.models.losses.FeatureDistance`, or
            None to do without. It needs ``backbone.init_cfg`` of type 'Pretrained'.
        **kwargs: As for the segmentor.

    Raises:
        ValueError: A class of the things does not exist, or there is a neck; or, when
            weights are initialized, the backbone has no file to take them from.
    """

    def __init__(self, *args, feature_distance: dict | None = None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.feature_distance = None
        if feature_distance is not None:
            self.feature_distance = MODELS.build(feature_distance)
            self.feature_distance.check_classes(self.num_classes)
            if self.with_neck:
                raise ValueError(
                    'feature_distance compares features of the backbone, but a neck '
                    'changes them: take model.neck or feature_distance out'
                )

    def init_weights(self) -> None:
        """Initialize the weights, and freeze a copy of the backbone's."""
        super().init_weights()
        if self.feature_distance is not None:
            self.feature_distance.freeze(self.backbone)

    def distance_losses(
        self, features: Tensor, images: Tensor, labels: Tensor
    ) -> dict[str, Tensor]:
        """The feature distance of labeled images, if there is one.

        Args:
            features: The last stage's (N, C, h, w).
            images: Normalized (N, 3, H, W).
            labels: int64 (N, H, W), 255 = ignored.
        """
        if self.feature_distance is None:
            return {}
        name = f'features.{self.feature_distance.loss_name}'
        return {name: self.feature_distance(features, images, labels)}


@MODELS.register_module()
class FeatureDistanceEncoderDecoder(FeatureDistanceMixin, StripedEncoderDecoder):
    """Segmentor of any stock config that stays near the ImageNet features of things.

    Training on labels alone, for instance of a source domain, with DAFormer's feature
    distance beside the heads' own losses (https://arxiv.org/abs/2111.14887).
    Checkpoints are those of a stock ``EncoderDecoder``.

    Args:
        **kwargs: As for :class:`FeatureDistanceMixin` and
            :class:`mmseg.models.EncoderDecoder`.

    Example:
        In any config: ``model=dict(type='FeatureDistanceEncoderDecoder',
        feature_distance=dict(type='FeatureDistance', classes=[11, 12]))``
    """

    def feature_losses(
        self, features: Sequence[Tensor], images: Tensor, data_samples: SampleList
    ) -> dict[str, Tensor]:
        """The feature distance."""
        labels = torch.stack([sample.gt_sem_seg.data[0] for sample in data_samples])
        return self.distance_losses(features[-1], images, labels)
