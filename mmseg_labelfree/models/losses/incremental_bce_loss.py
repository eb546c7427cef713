"""Binary cross-entropies with the ground truth of a step (LwF-MC)."""

from typing import Any

from mmseg.registry import MODELS
from torch import Tensor

from ...ops.checks import Variant, check_variant
from ...ops.incremental_bce import incremental_bce
from .base import DecodeLoss, check_num_old_classes


@MODELS.register_module()
class IncrementalBCELoss(DecodeLoss):
    """Loss of LwF-MC on the ground truth, a baseline of MiB (section 6.2.1).

    One binary cross-entropy per class, summed over classes and averaged over pixels;
    see :func:`~mmseg_labelfree.ops.incremental_bce`. Its other part is
    :class:`BinaryDistillationLoss`. In the first step (``num_old_classes=1``) both
    variants are the same, over all classes.

    Args:
        num_old_classes: Number of classes known before this step, background
            included. Must be below the number of logits. ``ClassIncrementalProtocol``
            sets it.
        variant: 'paper': "the ground truth for novel classes", the sum runs over
            background and the new classes, and old classes learn from the teacher
            alone. 'official': the authors' code, in which the sum runs over all
            classes, old ones with target 0. Defaults to 'paper'.
        **kwargs: As for :class:`DecodeLoss`.

    Raises:
        ValueError: An argument is out of range.

    Example:
        ``loss_decode=dict(type='IncrementalBCELoss', num_old_classes=1,
        variant='official')``

        >>> import torch
        >>> logits, label = torch.zeros(1, 3, 1, 1), torch.tensor([[[2]]])
        >>> IncrementalBCELoss(num_old_classes=2)(logits, label)  # 2 log 2
        tensor(1.3863)
        >>> IncrementalBCELoss(num_old_classes=2, variant='official')(logits, label)
        tensor(2.0794)
    """

    loss_name = 'loss_incremental_bce'

    def __init__(
        self, num_old_classes: int, variant: Variant = 'paper', **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_variant(variant)
        self.num_old_classes = check_num_old_classes(num_old_classes)
        self.variant: Variant = variant

    def pixel_loss(
        self, logits: Tensor, label: Tensor, *maps: Tensor, ignore_index: int
    ) -> Tensor:
        """Loss of each pixel ``(N, H, W)``."""
        return incremental_bce(
            logits, label, self.num_old_classes, self.variant, ignore_index
        )
