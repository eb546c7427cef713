"""Cross-entropy on the labeled pixels of weakly labeled images alone."""

from typing import Any

import torch
from mmseg.registry import MODELS
from torch import Tensor

from ...ops.label_maps import UNLABELED
from ...ops.partial_cross_entropy import image_mean_weights, partial_cross_entropy
from .base import DecodeLoss


@MODELS.register_module()
class PartialCrossEntropyLoss(DecodeLoss):
    r"""Loss of the labeled pixels of weakly labeled images: PCE (MiB, eq. 12).

    The loss of an image is the mean of :math:`-\log q_y` over its labeled pixels, 0 if
    it has none; the loss of the batch is the mean over all of its images. Pixels of
    label 254 (unlabeled) and 255 (ignored) cost nothing.

    Args:
        **kwargs: As for :class:`DecodeLoss`; only ``avg_non_ignore=False`` is possible,
            because the loss (MiB, eq. 12) has denominators of its own.

    Raises:
        ValueError: An argument is out of range.

    Example:
        ``loss_decode=dict(type='PartialCrossEntropyLoss')``

        >>> import torch
        >>> loss, label = PartialCrossEntropyLoss(), torch.tensor([[[1, 254, 255]]])
        >>> loss(torch.zeros(1, 2, 1, 3), label)  # log 2, the mean over one pixel
        tensor(0.6931)
    """

    loss_name = 'loss_partial_ce'

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.avg_non_ignore:
            self._refuse('avg_non_ignore', False)

    def pixel_loss(
        self, logits: Tensor, label: Tensor, *maps: Tensor, ignore_index: int
    ) -> Tensor:
        """Loss of each pixel ``(N, H, W)``, 0 where unlabeled."""
        return partial_cross_entropy(logits, label, UNLABELED, ignore_index)

    def pixel_weight(
        self, label: Tensor, ignore_index: int, dtype: torch.dtype
    ) -> Tensor:
        """Of a mean over the images of the means over labeled and unlabeled pixels."""
        unlabeled = label == UNLABELED
        labeled = (label != ignore_index) & ~unlabeled
        return image_mean_weights(labeled, unlabeled, dtype=dtype)
