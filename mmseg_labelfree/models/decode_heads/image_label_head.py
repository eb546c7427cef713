"""Head that finds the classes of an image, and where it sees them."""

from collections.abc import Sequence
from typing import Literal

from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...utils.choices import check_choice

__all__ = ['ImageLabelHead']


@MODELS.register_module()
class ImageLabelHead(BaseModule):
    """Head that classifies whole images, and whose weights give activation maps.

    Global pooling of a feature map and a 1x1 convolution without bias. The same
    convolution on the feature map itself gives a map of each class (U2PL+, eq. 5,
    before ReLU and rescaling). It goes beside any backbone.

    Args:
        in_channels: Channels of the feature map.
        num_classes: Classes without the background.
        in_index: Which of the backbone's maps. Defaults to -1.
        pooling: 'max', as AFA (https://arxiv.org/abs/2203.02664), or 'mean' over the
            positions. Defaults to 'max'.
        loss: Loss of logits and image labels. Defaults to
            ``dict(type='MultiLabelSoftMarginLoss')`` (U2PL+, eq. 6).
        init_cfg: As in other heads.

    Raises:
        ValueError: ``pooling`` is unknown.

    Example:
        ``image_head=dict(type='ImageLabelHead', in_channels=512, num_classes=20)``
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        in_index: int = -1,
        pooling: Literal['max', 'mean'] = 'max',
        loss: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        check_choice('pooling', pooling, ('max', 'mean'))
        self.num_classes = num_classes
        self.in_index = in_index
        self.pooling = pooling
        self.classifier = nn.Conv2d(in_channels, num_classes, 1, bias=False)
        self.criterion = MODELS.build(loss or dict(type='MultiLabelSoftMarginLoss'))

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Compute logits (N, num_classes) of the backbone's feature maps."""
        x = features[self.in_index].flatten(2)
        pooled = x.max(2).values if self.pooling == 'max' else x.mean(2)
        return self.classifier(pooled[:, :, None, None])[:, :, 0, 0]

    def activations(self, features: Sequence[Tensor]) -> Tensor:
        """Compute maps (N, num_classes, h, w), neither rectified nor rescaled."""
        return self.classifier(features[self.in_index])

    def loss(
        self, features: Sequence[Tensor], image_labels: Tensor
    ) -> dict[str, Tensor]:
        """Compare the logits with the classes of the images.

        Args:
            features: The backbone's feature maps.
            image_labels: Bool (N, num_classes).
        """
        value = self.criterion(self(features), image_labels)
        return {self.criterion.loss_name: value}
