"""Cross-entropy of MiB for points and scribbles, which models unlabelled pixels."""

import math

import torch
from mmseg.registry import MODELS
from torch import Tensor

from ...ops.label_maps import UNLABELED
from ...ops.pixel_loss import check_same_pixels
from ...ops.unlabeled_set import image_classes, unlabeled_set_cross_entropy
from .partial_cross_entropy_loss import PartialCrossEntropyLoss


@MODELS.register_module()
class UnlabeledSetCrossEntropyLoss(PartialCrossEntropyLoss):
    r"""Loss of MiB under weak supervision, eq. 13 (https://arxiv.org/abs/2002.00718).

    .. math::
        -\frac{1}{|I_S|} \sum_{i \in I_S} \log q(i, y_i)
        - \frac{\gamma}{|I_u|} \sum_{i \in I_u} \log \sum_{k \in U} q(i, k)

    per image, with :math:`I_S` its labelled and :math:`I_u` its unlabelled pixels,
    then the mean over all images of the batch. Both denominators count pixels of this
    image, ignored ones (255) in neither. An image without labelled pixels has the first
    term 0, one without unlabelled pixels or with an empty U the second.

    U holds the classes in the label map that reaches the loss: after cropping those of
    the crop, because x in eq. 13 is the network's input, and because a class known to
    be elsewhere in the photograph is no likely class of this crop. The price: a crop
    that shows an object but not its point counts the object as one of the other
    classes. Crops much smaller than the image make this frequent with points,
    seldom with scribbles, which span the object.

    Args:
        gamma (float): Weight of the unlabelled pixels, at least 0. The paper does
            not print its value. Defaults to 1.0.
        unlabeled_classes (str): ``'image'`` for U as above. ``'background'`` for
            U = {0}, which treats every unlabelled pixel as background: the paper's
            baseline PCE + bkg (table 5). Defaults to ``'image'``.
        background (bool): Whether class 0 is a background that is in every U, as in
            object segmentation, where points mark objects alone. False for scene
            parsing, where class 0 is like any other. Defaults to True.
        unlabeled_index (int): Label of unlabelled pixels. Defaults to 254.
        loss_weight (float): Factor on the loss. Defaults to 1.0.
        loss_name (str): Name in the log, must start with ``loss_``.
        use_sigmoid (bool): Accepted because a base config's ``loss_decode`` often
            leaves it behind; only False is possible.
        class_weight (None): Accepted for the same reason; only None is possible.

    Raises:
        ValueError: If an argument is outside the ranges above, or
            ``unlabeled_classes='background'`` meets ``background=False``.

    Example:
        Points on VOC, then on ADE20K::

            loss_decode=dict(type='UnlabeledSetCrossEntropyLoss', gamma=1.0)
            loss_decode=dict(type='UnlabeledSetCrossEntropyLoss', background=False)
    """

    def __init__(
        self,
        gamma: float = 1.0,
        unlabeled_classes: str = 'image',
        background: bool = True,
        unlabeled_index: int = UNLABELED,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_unlabeled_set_ce',
        use_sigmoid: bool = False,
        class_weight: None = None,
    ) -> None:
        super().__init__(
            unlabeled_index, loss_weight, loss_name, use_sigmoid, class_weight
        )
        if not 0 <= gamma < math.inf:
            raise ValueError(f'gamma must be a number of at least 0, got {gamma}')
        if unlabeled_classes not in ('image', 'background'):
            raise ValueError(
                "unlabeled_classes must be 'image' or 'background', got "
                f'{unlabeled_classes!r}'
            )
        if unlabeled_classes == 'background' and not background:
            raise ValueError(
                "unlabeled_classes='background' needs a background class: set "
                "background=True, or unlabeled_classes='image'"
            )
        self.gamma = gamma
        self.unlabeled_classes = unlabeled_classes
        self.background = background

    def pixel_loss(
        self, seg_logits: Tensor, seg_label: Tensor, ignore_index: int
    ) -> Tensor:
        """Loss of each pixel ``(N, H, W)``, times gamma where unlabelled."""
        check_same_pixels('seg_label', seg_label, seg_logits)
        loss = unlabeled_set_cross_entropy(
            seg_logits,
            seg_label,
            self.class_set(seg_logits, seg_label),
            self.unlabeled_index,
            ignore_index,
        )
        if self.gamma == 1:
            return loss
        unlabeled = seg_label == self.unlabeled_index
        return torch.where(unlabeled, self.gamma * loss, loss)

    def class_set(self, seg_logits: Tensor, seg_label: Tensor) -> Tensor:
        """Classes that unlabelled pixels of each image may have: the set U.

        Returns:
            Tensor: Bool ``(N, C)``.
        """
        if self.unlabeled_classes == 'image':
            classes = image_classes(seg_label, seg_logits.shape[1])
        else:
            classes = seg_logits.new_zeros(seg_logits.shape[:2], dtype=torch.bool)
        classes[:, 0] |= self.background
        return classes

    def extra_repr(self) -> str:
        """Settings shown when the model is printed."""
        return (
            f'gamma={self.gamma}, unlabeled_classes={self.unlabeled_classes}, '
            f'background={self.background}, {super().extra_repr()}'
        )
