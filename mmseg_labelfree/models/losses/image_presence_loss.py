"""Loss of the classes of images, which knows nothing of their places."""

from typing import Any, Literal

from mmseg.registry import MODELS
from torch import Tensor

from ...ops.image_presence import image_presence_loss
from ...utils.choices import check_choice
from .base import BaseLoss
from .image_classes import ImageClassesMixin


@MODELS.register_module()
class ImagePresenceLoss(ImageClassesMixin, BaseLoss):
    """Loss of the classes that an image holds: 'Img Lvl' in MiB's Table 5.

    A ``loss_decode`` of Bearman et al. (https://arxiv.org/abs/1506.02106, eq. 2), see
    :func:`~mmseg_labelfree.ops.image_presence_loss`. The classes are those of the
    whole image, as its points name them; where they lie plays no part. The loss of a
    batch is the mean over its images. Beside ``PartialCrossEntropyLoss`` it is 'Img Lvl
    + PCE'. How an image's classes reach it says
    :class:`~mmseg_labelfree.models.losses.UnlabeledSetCrossEntropyLoss`.

    Args:
        classes: 'image' for those. 'crop' for the classes in the label map that reaches
            the loss, which any segmentor can give. Defaults to 'image'.
        background: Whether class 0 is a background that every image has. Defaults to
            True.
        use_sigmoid: Accepted because a base config's ``loss_decode`` often leaves it
            behind; only False is possible.
        **kwargs: As for :class:`BaseLoss`.

    Raises:
        ValueError: An argument is out of range. While training: the classes of an image
            are not known.

    Example:
        With a ``StripedEncoderDecoder``, ``loss_decode=[dict(type='ImagePresenceLoss'),
        dict(type='PartialCrossEntropyLoss')]``

        >>> import torch
        >>> loss = ImagePresenceLoss(classes='crop')
        >>> label = torch.tensor([[[1, 254]]])
        >>> loss(torch.zeros(1, 2, 1, 2), label)  # log 2, both classes are there
        tensor(0.6931)
    """

    loss_name = 'loss_image_presence'
    setting = 'classes'

    def __init__(
        self,
        classes: Literal['image', 'crop'] = 'image',
        background: bool = True,
        use_sigmoid: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if use_sigmoid:
            raise ValueError(
                'ImagePresenceLoss has no use_sigmoid: set use_sigmoid=False in '
                'loss_decode'
            )
        check_choice('classes', classes, ('image', 'crop'))
        self.classes = classes
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
            ValueError: There are weights of pixels, or the classes of the images are
                not known.
        """
        if weight is not None:
            raise ValueError(
                'ImagePresenceLoss is no mean over pixels: take the pixel sampler out '
                'of the head'
            )
        classes = self.classes_of(seg_label, seg_logits.shape[1])
        classes[:, 0] |= self.background
        loss = image_presence_loss(seg_logits, seg_label, classes, ignore_index)
        return self.loss_weight * loss.mean()
