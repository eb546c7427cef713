"""Loss of a classifier of whole images with several classes each."""

import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor

from ...ops.class_activation import check_image_labels
from ...ops.probabilities import full_precision
from .base import BaseLoss


@MODELS.register_module()
class MultiLabelSoftMarginLoss(BaseLoss):
    """Loss of image labels: a binary cross-entropy of each class (U2PL+, eq. 6).

    That of PyTorch, as a component with a weight and a name: the mean over images and
    classes.

    Args:
        **kwargs: As for :class:`BaseLoss`.

    Raises:
        ValueError: An argument is out of range; in the forward pass, logits and labels
            differ in shape.

    Example:
        ``image_head=dict(loss=dict(type='MultiLabelSoftMarginLoss'))``

        >>> import torch
        >>> loss = MultiLabelSoftMarginLoss()
        >>> loss(torch.zeros(1, 3), torch.tensor([[True, False, False]]))  # log 2
        tensor(0.6931)
    """

    loss_name = 'loss_image_labels'

    def forward(self, logits: Tensor, image_labels: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            logits: ``(N, C)``; half precision is computed in float32.
            image_labels: Classes of each image, bool ``(N, C)``.

        Returns:
            A scalar.
        """
        check_image_labels(image_labels, *logits.shape)
        x = full_precision(logits)
        return self.loss_weight * F.multilabel_soft_margin_loss(x, image_labels.to(x))
