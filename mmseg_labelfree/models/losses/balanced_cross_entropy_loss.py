"""Cross-entropy in which background and objects have equal shares."""

from typing import Any

import torch
from mmseg.registry import MODELS
from torch import Tensor

from ...ops.balanced_cross_entropy import balanced_weights
from ...ops.unbiased_cross_entropy import unbiased_cross_entropy
from .base import DecodeLoss


@MODELS.register_module()
class BalancedCrossEntropyLoss(DecodeLoss):
    r"""Loss of pseudo-labels from image labels: half background, half objects (AFA).

    The mean of :math:`-\log q_y` over the pixels of background and that over all other
    pixels of the batch, each times 1/2 (authors' code of
    https://arxiv.org/abs/2203.02664). Where a batch has no pixel of one kind, that half
    is 0; the authors' is NaN.

    Args:
        **kwargs: As for :class:`DecodeLoss`; only ``avg_non_ignore=False`` is possible,
            because the loss has denominators of its own.

    Raises:
        ValueError: An argument is out of range.

    Example:
        ``loss_decode=dict(type='BalancedCrossEntropyLoss', loss_weight=0.1)``

        >>> import torch
        >>> loss, label = BalancedCrossEntropyLoss(), torch.tensor([[[0, 1, 1, 255]]])
        >>> loss(torch.zeros(1, 2, 1, 4), label)  # log 2
        tensor(0.6931)
    """

    loss_name = 'loss_balanced_ce'

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.avg_non_ignore:
            self._refuse('avg_non_ignore', False)

    def pixel_loss(
        self, logits: Tensor, label: Tensor, *maps: Tensor, ignore_index: int
    ) -> Tensor:
        """Loss of each pixel ``(N, H, W)``."""
        return unbiased_cross_entropy(logits, label, 1, ignore_index)

    def pixel_weight(
        self, label: Tensor, ignore_index: int, dtype: torch.dtype
    ) -> Tensor:
        """Of the mean over background and the mean over objects, half each."""
        return balanced_weights(label, ignore_index, dtype)
