"""Cross-entropy in both directions as a ``loss_decode``."""

from mmseg.registry import MODELS
from torch import Tensor

from ...ops.symmetric_cross_entropy import symmetric_cross_entropy
from .pixel_decode_loss import PixelDecodeLoss


@MODELS.register_module()
class SymmetricCrossEntropyLoss(PixelDecodeLoss):
    r"""Symmetric cross-entropy (SCE), U2PL+ eq. 4 (https://arxiv.org/abs/2306.02314).

    .. math:: \xi_1 \ell_{ce}(p, y) + \xi_2 \ell_{ce}(y, p)
        = -\xi_1 \log p_y - \xi_2 A (1 - p_y)

    See :func:`~mmseg_labelfree.ops.symmetric_cross_entropy`. Meant for pseudo-labels.

    Args:
        xi1 (float): Weight of the cross-entropy. Defaults to 1.0.
        xi2 (float): Weight of the reverse cross-entropy. Defaults to 0.5, the best
            row of Table 7; the text beside the table says 0.1.
        least (float): What a zero of the one-hot label counts as in the logarithm,
            :math:`A = \log(least)`. Defaults to 1e-4, A = -9.21.
        loss_weight (float): Factor on the loss. Defaults to 1.0.
        avg_non_ignore (bool): False, the default of mmseg, divides by the number of all
            pixels, ignored ones included; multiplied by the adaptive weight of
            eq. 14 this is the mean over the others. True divides by their number
            at once. Defaults to False.
        loss_name (str): Name in the log, must start with ``loss_``.
        use_sigmoid (bool): Accepted because a base config's ``loss_decode`` often
            leaves it behind; only False is possible.
        class_weight (None): Accepted for the same reason; only None is possible.

    Raises:
        ValueError: If an argument is outside the ranges above.

    Example:
        ``unlabeled_loss=dict(type='SymmetricCrossEntropyLoss', xi1=1.0, xi2=0.5)``
    """

    def __init__(
        self,
        xi1: float = 1.0,
        xi2: float = 0.5,
        least: float = 1e-4,
        loss_weight: float = 1.0,
        avg_non_ignore: bool = False,
        loss_name: str = 'loss_sce',
        use_sigmoid: bool = False,
        class_weight: None = None,
    ) -> None:
        super().__init__(
            loss_weight, loss_name, use_sigmoid, class_weight, avg_non_ignore
        )
        if xi1 < 0 or xi2 < 0:
            raise ValueError(f'xi1 and xi2 must be at least 0, got {xi1} and {xi2}')
        if not 0 < least < 1:
            raise ValueError(f'least must be above 0 and below 1, got {least}')
        self.xi1 = xi1
        self.xi2 = xi2
        self.least = least

    def pixel_loss(
        self, seg_logits: Tensor, seg_label: Tensor, ignore_index: int
    ) -> Tensor:
        """Loss of each pixel, see :func:`symmetric_cross_entropy`."""
        return symmetric_cross_entropy(
            seg_logits, seg_label, self.xi1, self.xi2, self.least, ignore_index
        )

    def extra_repr(self) -> str:
        """Settings shown when the model is printed."""
        return f'xi1={self.xi1}, xi2={self.xi2}, loss_weight={self.loss_weight}'
