"""Loss of the classes of images, which knows nothing of their places."""

from typing import Any

from mmseg.registry import MODELS
from torch import Tensor

from ...ops.image_presence import image_presence_loss
from ...ops.unlabeled_set_cross_entropy import image_classes
from .base import BaseLoss


@MODELS.register_module()
class ImagePresenceLoss(BaseLoss):
    """Loss of the classes that an image holds: 'Img Lvl' in MiB's Table 5.

    A ``loss_decode`` of Bearman et al. (https://arxiv.org/abs/1506.02106, eq. 2), see
    :func:`~mmseg_labelfree.ops.image_presence_loss`. The classes are those in the label
    map that reaches the loss, such as points; where they lie plays no part. The loss of
    a batch is the mean over its images. Beside ``PartialCrossEntropyLoss`` it is 'Img
    Lvl + PCE'.

    Args:
        background: Whether class 0 is a background that every image has. Defaults to
            True.
        use_sigmoid: Accepted because a base config's ``loss_decode`` often leaves it
            behind; only False is possible.
        **kwargs: As for :class:`BaseLoss`.

    Raises:
        ValueError: An argument is out of range.

    Example:
        ``loss_decode=[dict(type='ImagePresenceLoss'),
        dict(type='PartialCrossEntropyLoss')]``

        >>> import torch
        >>> loss, label = ImagePresenceLoss(), torch.tensor([[[1, 254]]])
        >>> loss(torch.zeros(1, 2, 1, 2), label)  # log 2, both classes are there
        tensor(0.6931)
    """

    loss_name = 'loss_image_presence'

    def __init__(
        self, background: bool = True, use_sigmoid: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if use_sigmoid:
            raise ValueError(
                'ImagePresenceLoss has no use_sigmoid: set use_sigmoid=False in '
                'loss_decode'
            )
        self.background = background

    def forward(
        self,
        seg_logits: Tensor,
        seg_label: Tensor,
        weight: Tensor | None = None,
        ignore_index: int = 255,
    ) -> Tensor:
        """Compute the loss.

        Args:
            seg_logits: ``(N, C, H, W)``; half precision is computed in float32.
            seg_label: Class indices ``(N, H, W)``, 254 = unlabeled.
            weight: Of pixels, as a pixel sampler returns it; not possible here.
            ignore_index: Label of pixels that are left out. Defaults to 255.

        Returns:
            A scalar.

        Raises:
            ValueError: There are weights of pixels.
        """
        if weight is not None:
            raise ValueError(
                'ImagePresenceLoss is no mean over pixels: take the pixel sampler out '
                'of the head'
            )
        classes = image_classes(seg_label, seg_logits.shape[1])
        classes[:, 0] |= self.background
        loss = image_presence_loss(seg_logits, seg_label, classes, ignore_index)
        return self.loss_weight * loss.mean()
