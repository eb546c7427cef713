"""Cross-entropy on the labelled pixels of weakly labelled images alone."""

from mmseg.registry import MODELS
from torch import Tensor

from ...ops.incremental import unbiased_cross_entropy
from ...ops.label_maps import UNLABELED
from .pixel_decode_loss import PixelDecodeLoss


@MODELS.register_module()
class PartialCrossEntropyLoss(PixelDecodeLoss):
    r"""Partial cross-entropy (PCE), MiB eq. 12 (https://arxiv.org/abs/2002.00718).

    The loss of an image is the mean of :math:`-\log q_y` over its labelled pixels, 0 if
    it has none; the loss of the batch is the mean over all of its images. Pixels of
    label 254 (unlabelled) and 255 (ignored) cost nothing.

    Args:
        unlabeled_index (int): Label of unlabelled pixels. Defaults to 254.
        loss_weight (float): Factor on the loss. Defaults to 1.0.
        loss_name (str): Name in the log, must start with ``loss_``.
        use_sigmoid (bool): Accepted because a base config's ``loss_decode`` often
            leaves it behind; only False is possible.
        class_weight (None): Accepted for the same reason; only None is possible.

    Raises:
        ValueError: If an argument is outside the ranges above.

    Example:
        ``loss_decode=dict(type='PartialCrossEntropyLoss')``
    """

    def __init__(
        self,
        unlabeled_index: int = UNLABELED,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_partial_ce',
        use_sigmoid: bool = False,
        class_weight: None = None,
    ) -> None:
        super().__init__(loss_weight, loss_name, use_sigmoid, class_weight)
        self.unlabeled_index = unlabeled_index

    def pixel_loss(
        self, seg_logits: Tensor, seg_label: Tensor, ignore_index: int
    ) -> Tensor:
        """Loss of each pixel ``(N, H, W)``: here 0 where unlabelled."""
        label = seg_label.masked_fill(seg_label == self.unlabeled_index, ignore_index)
        return unbiased_cross_entropy(seg_logits, label, 1, ignore_index)

    def mean(self, loss: Tensor, seg_label: Tensor, ignore_index: int) -> Tensor:
        """Mean over the images of the means over each kind of pixel, eq. 12 and 13."""
        unlabeled = seg_label == self.unlabeled_index
        labeled = (seg_label != ignore_index) & ~unlabeled
        return (_mean(loss, labeled) + _mean(loss, unlabeled)).mean()


def _mean(loss: Tensor, pixels: Tensor) -> Tensor:
    """Mean over the given pixels of each image, 0 where there are none."""
    return (loss * pixels).sum((1, 2)) / pixels.sum((1, 2)).clamp_(min=1)
