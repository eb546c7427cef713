"""Cross-entropy of MiB for points and scribbles, which models unlabeled pixels."""

from typing import Any, Literal

import torch
from mmseg.registry import MODELS
from torch import Tensor

from ...ops.label_maps import UNLABELED
from ...ops.unlabeled_set_cross_entropy import unlabeled_set_cross_entropy
from ...utils.choices import check_choice, check_range
from .image_classes import ImageClassesMixin
from .label_watch import LabelWatch
from .partial_cross_entropy_loss import PartialCrossEntropyLoss


@MODELS.register_module()
class UnlabeledSetCrossEntropyLoss(ImageClassesMixin, PartialCrossEntropyLoss):
    r"""Loss of weakly labeled images, unlabeled pixels included (MiB, eq. 13).

    .. math::
        -\frac{1}{|I_S|} \sum_{i \in I_S} \log q(i, y_i)
        - \frac{\gamma}{|I_u|} \sum_{i \in I_u} \log \sum_{k \in U} q(i, k)

    per image, with :math:`I_S` its labeled and :math:`I_u` its unlabeled pixels, then
    the mean over all images of the batch (https://arxiv.org/abs/2201.13338). Both
    denominators count pixels of this image, ignored ones (255) in neither. An image
    without labeled pixels has the first term 0, one without unlabeled pixels or with
    an empty U the second.

    U holds the classes of the whole image, as its points or scribbles name them. A crop
    often shows an object without its point, whose pixels the classes of the crop alone
    would call something else: on human points and the paper's crops 12 % of the pixels
    of objects. The transforms that load or simulate weak labels note the classes as
    ``image_classes`` before anything is cropped, ``PackSegInputs`` hands them on, and
    :class:`StripedEncoderDecoder` and its subclasses give them to the loss.

    Args:
        gamma: Weight of the unlabeled pixels, at least 0. The paper does not print its
            value. Defaults to 1.0.
        unlabeled_classes: 'image' for U as above. 'crop' for the classes in the label
            map that reaches the loss, which any segmentor can give. 'background' for
            U = {0}, which treats every unlabeled pixel as background: the paper's
            baseline PCE + bkg (Table 5). Defaults to 'image'.
        background: Whether class 0 is a background that is in every U, as in object
            segmentation, where points mark objects alone. False for scene parsing,
            where class 0 is like any other. Defaults to True.
        **kwargs: As for :class:`PartialCrossEntropyLoss`.

    Raises:
        ValueError: An argument is out of range, or ``unlabeled_classes='background'``
            meets ``background=False``. While training: the classes of an image are not
            known.

    Example:
        Points on VOC, then on ADE20K::

            model=dict(type='StripedEncoderDecoder', decode_head=dict(
                loss_decode=dict(type='UnlabeledSetCrossEntropyLoss', gamma=1.0)))
            loss_decode=dict(type='UnlabeledSetCrossEntropyLoss', background=False)
            dict(type='PackSegInputs', meta_keys=('img_path', 'ori_shape', 'img_shape',
                                                  'image_classes'))

        >>> loss = UnlabeledSetCrossEntropyLoss(unlabeled_classes='crop')
        >>> label = torch.tensor([[[1, 254]]])
        >>> loss(torch.zeros(1, 4, 1, 2), label)  # log 4, and log 2 for U = {0, 1}
        tensor(2.0794)
    """

    loss_name = 'loss_unlabeled_set_ce'
    setting = 'unlabeled_classes'

    def __init__(
        self,
        gamma: float = 1.0,
        unlabeled_classes: Literal['image', 'crop', 'background'] = 'image',
        background: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_range(0, gamma=gamma)
        check_choice(
            'unlabeled_classes', unlabeled_classes, ('image', 'crop', 'background')
        )
        if unlabeled_classes == 'background' and not background:
            raise ValueError(
                "unlabeled_classes='background' needs a background class: set "
                "background=True, or unlabeled_classes='image'"
            )
        self.gamma = gamma
        self.unlabeled_classes = unlabeled_classes
        self.background = background
        self.unlabeled_pixels = LabelWatch(
            f'{type(self).__name__} has met no unlabeled pixel, so gamma does nothing: '
            f'their label is {UNLABELED}, as the transforms of points and scribbles '
            'set it, and 255 is ignored',
            wanted=True,
        )

    def pixel_loss(
        self, logits: Tensor, label: Tensor, *maps: Tensor, ignore_index: int
    ) -> Tensor:
        """Loss of each pixel ``(N, H, W)``, times gamma where unlabeled."""
        (class_set,) = maps
        return unlabeled_set_cross_entropy(
            logits, label, class_set[..., 0, 0], self.gamma, UNLABELED, ignore_index
        )

    def maps(self, label: Tensor, num_classes: int) -> tuple[Tensor]:
        """Classes that unlabeled pixels of each image may have: U, ``(N, C, 1, 1)``."""
        self.unlabeled_pixels(label == UNLABELED)
        if self.unlabeled_classes == 'background':
            classes = label.new_zeros((len(label), num_classes), dtype=torch.bool)
        else:
            classes = self.classes_of(label, num_classes)
        classes[:, 0] |= self.background
        return (classes[:, :, None, None],)
