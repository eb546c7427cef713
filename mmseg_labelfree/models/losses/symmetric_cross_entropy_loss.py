"""Cross-entropy in both directions as a ``loss_decode``."""

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...ops.pixel_loss import check_same_pixels
from ...ops.symmetric_cross_entropy import symmetric_cross_entropy


@MODELS.register_module()
class SymmetricCrossEntropyLoss(nn.Module):
    r"""Symmetric cross-entropy (SCE), U2PL+ eq. 4 (https://arxiv.org/abs/2306.02314).

    .. math:: \xi_1 \ell_{ce}(p, y) + \xi_2 \ell_{ce}(y, p)
        = -\xi_1 \log p_y - \xi_2 A (1 - p_y)

    See :func:`~mmseg_labelfree.ops.symmetric_cross_entropy`. Meant for pseudo-labels.

    Args:
        xi1 (float): Weight of the cross-entropy. Defaults to 1.0.
        xi2 (float): Weight of the reverse cross-entropy. Defaults to 0.1.
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
        ``unlabeled_loss=dict(type='SymmetricCrossEntropyLoss', xi1=1.0, xi2=0.1)``
    """

    def __init__(
        self,
        xi1: float = 1.0,
        xi2: float = 0.1,
        least: float = 1e-4,
        loss_weight: float = 1.0,
        avg_non_ignore: bool = False,
        loss_name: str = 'loss_sce',
        use_sigmoid: bool = False,
        class_weight: None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if xi1 < 0 or xi2 < 0:
            raise ValueError(f'xi1 and xi2 must be at least 0, got {xi1} and {xi2}')
        if not 0 < least < 1:
            raise ValueError(f'least must be above 0 and below 1, got {least}')
        if use_sigmoid:
            raise ValueError(
                f'{name} works on softmax probabilities: set use_sigmoid=False or '
                'remove it from loss_decode'
            )
        if class_weight is not None:
            raise ValueError(
                f'{name} has no class weights: set class_weight=None in loss_decode'
            )
        if not loss_name.startswith('loss_'):
            raise ValueError(f"loss_name must start with 'loss_', got {loss_name!r}")
        self.xi1 = xi1
        self.xi2 = xi2
        self.least = least
        self.loss_weight = loss_weight
        self.avg_non_ignore = avg_non_ignore
        self._loss_name = loss_name

    def forward(
        self,
        seg_logits: Tensor,
        seg_label: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | Tensor | None = None,
        reduction_override: str | None = None,
        ignore_index: int = 255,
    ) -> Tensor:
        """Compute the loss.

        Args:
            seg_logits (Tensor): Logits ``(N, C, H, W)``; half precision is
                computed in float32.
            seg_label (Tensor): Class indices ``(N, H, W)``, int64.
            weight (Tensor, optional): Factor per pixel ``(N, H, W)``. It does not
                change the denominator.
            avg_factor (float | Tensor, optional): Denominator in place of the
                number of pixels.
            reduction_override (str, optional): ``'none'``, ``'sum'`` or ``'mean'``
                in place of the mean.
            ignore_index (int): Label without loss or gradient. Defaults to 255.

        Returns:
            Tensor: A scalar, 0.0 if every pixel is ignored, or ``(N, H, W)`` for
            ``reduction_override='none'``.

        Raises:
            ValueError: If the shapes disagree, the label is not integer or the
                reduction is unknown.
        """
        if reduction_override not in (None, 'none', 'mean', 'sum'):
            raise ValueError(
                "reduction_override must be 'none', 'mean' or 'sum', got "
                f'{reduction_override!r}'
            )
        loss = symmetric_cross_entropy(
            seg_logits, seg_label, self.xi1, self.xi2, self.least, ignore_index
        )
        if weight is not None:
            check_same_pixels('weight', weight, seg_logits)
            loss = loss * weight
        if reduction_override == 'none':
            return self.loss_weight * loss
        if reduction_override == 'sum':
            return self.loss_weight * loss.sum()
        if avg_factor is not None:
            # The same guard against a zero denominator as in mmseg.
            avg_factor = avg_factor + torch.finfo(torch.float32).eps
        elif self.avg_non_ignore:
            avg_factor = (seg_label != ignore_index).sum().clamp_(min=1)
        else:
            avg_factor = seg_label.numel()
        return self.loss_weight * (loss.sum() / avg_factor)

    def extra_repr(self) -> str:
        """Settings shown when the model is printed."""
        return f'xi1={self.xi1}, xi2={self.xi2}, loss_weight={self.loss_weight}'

    @property
    def loss_name(self) -> str:
        """Name of the loss in the log; starts with ``loss_``."""
        return self._loss_name
