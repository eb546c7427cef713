"""Cross-entropy in both directions as a ``loss_decode``."""

from typing import Any

from mmseg.registry import MODELS
from torch import Tensor

from ...ops.symmetric_cross_entropy import symmetric_cross_entropy
from .base import DecodeLoss


@MODELS.register_module()
class SymmetricCrossEntropyLoss(DecodeLoss):
    r"""Loss that averages symmetric cross-entropy over pixels (U2PL+, eq. 4).

    .. math:: \xi_1 \ell_{ce}(p, y) + \xi_2 \ell_{ce}(y, p)
        = -\xi_1 \log p_y - \xi_2 A (1 - p_y)

    See :func:`~mmseg_labelfree.ops.symmetric_cross_entropy`. Meant for pseudo-labels.
    With ``avg_non_ignore=False``, multiplied by the adaptive weight (U2PL+, eq. 14), it
    is the mean over the pixels that are not ignored; ``avg_non_ignore=True`` is that at
    once.

    Args:
        xi1: Weight of the cross-entropy. Defaults to 1.0.
        xi2: Weight of the reverse cross-entropy. Defaults to 0.5, the best row of
            Table 7; the text beside the table says 0.1.
        least: What a zero of the one-hot label counts as in the logarithm,
            :math:`A = \log(least)`. Defaults to 1e-4 (A = -9.21).
        **kwargs: As for :class:`DecodeLoss`.

    Raises:
        ValueError: An argument is out of range.

    Example:
        ``unlabeled_loss=dict(type='SymmetricCrossEntropyLoss', xi1=1.0, xi2=0.5)``

        >>> import torch
        >>> loss = SymmetricCrossEntropyLoss(xi1=1.0, xi2=0.5)
        >>> loss(torch.zeros(1, 2, 1, 1), torch.tensor([[[1]]]))  # log 2 + 9.21 / 4
        tensor(2.9957)
    """

    loss_name = 'loss_sce'

    def __init__(
        self, xi1: float = 1.0, xi2: float = 0.5, least: float = 1e-4, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if xi1 < 0 or xi2 < 0:
            raise ValueError(f'xi1 and xi2 must be at least 0, got {xi1} and {xi2}')
        if not 0 < least < 1:
            raise ValueError(f'least must be above 0 and below 1, got {least}')
        self.xi1 = xi1
        self.xi2 = xi2
        self.least = least

    def pixel_loss(
        self, logits: Tensor, label: Tensor, *maps: Tensor, ignore_index: int
    ) -> Tensor:
        """Loss of each pixel ``(N, H, W)``."""
        return symmetric_cross_entropy(
            logits, label, self.xi1, self.xi2, self.least, ignore_index
        )
