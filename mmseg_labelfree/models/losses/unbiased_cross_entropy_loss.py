"""Cross-entropy of MiB, in which background stands for all old classes."""

from mmseg.registry import MODELS
from torch import Tensor

from ...ops.incremental import unbiased_cross_entropy
from .incremental_pixel_loss import IncrementalPixelLoss


@MODELS.register_module()
class UnbiasedCrossEntropyLoss(IncrementalPixelLoss):
    r"""Unbiased cross-entropy of MiB, eq. 5-6 (https://arxiv.org/abs/2002.00718).

    A pixel labelled background may be any class of the earlier steps, so it
    costs :math:`-\log \sum_{k < num\_old\_classes} q_k`; a pixel of a new class c
    costs :math:`-\log q_c`. A label of an old class c also costs
    :math:`-\log q_c`; the authors' code maps it to background, which
    ``IncrementalDataset`` has already done at this point. With
    ``num_old_classes=1`` the loss is the ordinary cross-entropy.

    Args:
        num_old_classes (int): Number of classes known before this step,
            background included. In VOC 15-5 it is 16 in the second step. Must be
            below the number of logits.
        loss_weight (float): Factor on the loss. Defaults to 1.0.
        avg_non_ignore (bool): False, as in the authors' code and the default of
            mmseg, divides by the number of all pixels, ignored ones included.
            True divides by the number of valid pixels. Defaults to False.
        loss_name (str): Name in the log, must start with ``loss_``.
        use_sigmoid (bool): Accepted because a base config's ``loss_decode`` often
            leaves it behind; only False is possible.
        class_weight (None): Accepted for the same reason; only None is possible.

    Raises:
        ValueError: If an argument is outside the ranges above.

    Example:
        In the config of the second step of VOC 15-5::

            decode_head=dict(
                num_classes=21,
                loss_decode=dict(type='UnbiasedCrossEntropyLoss', num_old_classes=16))
    """

    def __init__(
        self,
        num_old_classes: int,
        loss_weight: float = 1.0,
        avg_non_ignore: bool = False,
        loss_name: str = 'loss_unbiased_ce',
        use_sigmoid: bool = False,
        class_weight: None = None,
    ) -> None:
        super().__init__(
            num_old_classes,
            loss_weight,
            avg_non_ignore,
            loss_name,
            use_sigmoid,
            class_weight,
        )

    def pixel_loss(self, logits: Tensor, label: Tensor, ignore_index: int) -> Tensor:
        """Loss of each pixel, see :func:`unbiased_cross_entropy`."""
        return unbiased_cross_entropy(logits, label, self.num_old_classes, ignore_index)
