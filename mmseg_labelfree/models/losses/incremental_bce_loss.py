"""Binary cross-entropies with the ground truth of a step (LwF-MC)."""

from typing import Literal

from mmseg.registry import MODELS
from torch import Tensor

from ...ops.binary_cross_entropy import incremental_binary_cross_entropy
from .incremental_pixel_loss import IncrementalPixelLoss


@MODELS.register_module()
class IncrementalBCELoss(IncrementalPixelLoss):
    r"""Ground-truth part of LwF-MC in MiB, section 6.2.1.

    One binary cross-entropy per class between :math:`\sigma(x_c)` and the one-hot
    label, summed over classes and averaged over pixels
    (https://arxiv.org/abs/2002.00718). Its other part is
    :class:`BinaryDistillationLoss`. In the first step (``num_old_classes=1``) both
    variants are the same, over all classes.

    Args:
        num_old_classes (int): Number of classes known before this step,
            background included; ``ClassIncrementalProtocol`` sets it.
        variant (str): 'paper': "the ground truth for novel classes", the sum runs over
            background and the new classes, and old classes learn from the teacher
            alone. 'official': the authors' code, in which the sum runs over all
            classes, old ones with target 0. Defaults to 'paper'.
        loss_weight (float): Factor on the loss. Defaults to 1.0.
        avg_non_ignore (bool): False, as in the authors' code, divides by the number of
            all pixels, ignored ones included. True divides by the number of valid
            pixels. Defaults to False.
        loss_name (str): Name in the log, must start with ``loss_``.
        use_sigmoid (bool): Accepted because a base config's ``loss_decode`` often
            leaves it behind; only False is possible.
        class_weight (None): Accepted for the same reason; only None is possible.

    Raises:
        ValueError: If an argument is outside the ranges above.

    Example:
        ``loss_decode=dict(type='IncrementalBCELoss', num_old_classes=1,
        variant='official')``
    """

    def __init__(
        self,
        num_old_classes: int,
        variant: Literal['paper', 'official'] = 'paper',
        loss_weight: float = 1.0,
        avg_non_ignore: bool = False,
        loss_name: str = 'loss_incremental_bce',
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
        if variant not in ('paper', 'official'):
            raise ValueError(f"variant must be 'paper' or 'official', got {variant!r}")
        self.variant = variant

    def pixel_loss(self, logits: Tensor, label: Tensor, ignore_index: int) -> Tensor:
        """Loss of each pixel, see :func:`incremental_binary_cross_entropy`."""
        return incremental_binary_cross_entropy(
            logits, label, self.num_old_classes, self.variant, ignore_index
        )

    def extra_repr(self) -> str:
        """Settings shown when the model is printed."""
        return f'variant={self.variant!r}, {super().extra_repr()}'
