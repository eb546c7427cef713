"""What every ``loss_decode`` of the package does around its loss of a pixel."""

from abc import abstractmethod

import torch
from torch import Tensor, nn

from ...ops.pixel_loss import check_same_pixels


class PixelDecodeLoss(nn.Module):
    """Base class of a ``loss_decode``: checks the settings, reduces losses of pixels.

    Subclasses compute these in :meth:`pixel_loss`; one with other denominators
    overrides :meth:`mean`.

    Args:
        loss_weight (float): Factor on the loss.
        loss_name (str): Name in the log, must start with ``loss_``.
        use_sigmoid (bool): Accepted because a base config's ``loss_decode`` often
            leaves it behind; only False is possible.
        class_weight (None): Accepted for the same reason; only None is possible.
        avg_non_ignore (bool): False, the default of mmseg, divides by the number of all
            pixels, ignored ones included. True divides by that of the others.

    Raises:
        ValueError: If an argument is outside the ranges above.
    """

    def __init__(
        self,
        loss_weight: float,
        loss_name: str,
        use_sigmoid: bool,
        class_weight: None,
        avg_non_ignore: bool = False,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if use_sigmoid:
            raise ValueError(
                f'{name} has no use_sigmoid: set use_sigmoid=False or remove it from '
                'loss_decode'
            )
        if class_weight is not None:
            raise ValueError(
                f'{name} has no class weights: set class_weight=None in loss_decode'
            )
        if not loss_name.startswith('loss_'):
            raise ValueError(f"loss_name must start with 'loss_', got {loss_name!r}")
        self.loss_weight = loss_weight
        self.avg_non_ignore = avg_non_ignore
        self._loss_name = loss_name

    @abstractmethod
    def pixel_loss(
        self, seg_logits: Tensor, seg_label: Tensor, ignore_index: int
    ) -> Tensor:
        """Loss of each pixel ``(N, H, W)``, 0 where it is ignored."""

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
            weight (Tensor, optional): Factor per pixel ``(N, H, W)``, as a pixel
                sampler returns it. It does not change the denominator.
            avg_factor (float | Tensor, optional): One denominator for all pixels in
                place of the loss's own.
            reduction_override (str, optional): ``'none'``, ``'sum'`` or ``'mean'``
                in place of the mean.
            ignore_index (int): Label without loss or gradient. Defaults to 255.

        Returns:
            Tensor: A scalar, 0.0 if every pixel is ignored, or ``(N, H, W)`` for
            ``reduction_override='none'``.

        Raises:
            ValueError: If the shapes disagree, the label is not integer, it does not
                fit the logits, or the reduction is unknown.
        """
        if reduction_override not in (None, 'none', 'mean', 'sum'):
            raise ValueError(
                "reduction_override must be 'none', 'mean' or 'sum', got "
                f'{reduction_override!r}'
            )
        loss = self.pixel_loss(seg_logits, seg_label, ignore_index)
        if weight is not None:
            check_same_pixels('weight', weight, seg_logits)
            loss = loss * weight
        if reduction_override == 'none':
            return self.loss_weight * loss
        if reduction_override == 'sum':
            return self.loss_weight * loss.sum()
        if avg_factor is not None:
            # The same guard against a zero denominator as in mmseg.
            eps = torch.finfo(torch.float32).eps
            return self.loss_weight * (loss.sum() / (avg_factor + eps))
        return self.loss_weight * self.mean(loss, seg_label, ignore_index)

    def mean(self, loss: Tensor, seg_label: Tensor, ignore_index: int) -> Tensor:
        """Mean of the losses of pixels ``(N, H, W)``, a scalar."""
        if self.avg_non_ignore:
            return loss.sum() / (seg_label != ignore_index).sum().clamp_(min=1)
        return loss.sum() / seg_label.numel()

    def extra_repr(self) -> str:
        """Settings shown when the model is printed."""
        return f'loss_weight={self.loss_weight}'

    @property
    def loss_name(self) -> str:
        """Name of the loss in the log; starts with ``loss_``."""
        return self._loss_name
