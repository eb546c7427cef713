"""What the losses share that compare logits with a step's ground truth."""

from abc import abstractmethod

import torch
from torch import Tensor, nn

from ...ops.pixel_loss import check_same_pixels


class IncrementalPixelLoss(nn.Module):
    """Base class of a ``loss_decode`` that knows how many classes are old.

    It checks the settings and reduces the losses of pixels that a subclass computes in
    :meth:`pixel_loss`.

    Args:
        num_old_classes (int): Number of classes known before this step, background
            included. Must be below the number of logits. ``ClassIncrementalProtocol``
            sets it.
        loss_weight (float): Factor on the loss.
        avg_non_ignore (bool): False, as in the authors' code and the default of
            mmseg, divides by the number of all pixels, ignored ones included.
            True divides by the number of valid pixels.
        loss_name (str): Name in the log, must start with ``loss_``.
        use_sigmoid (bool): Accepted because a base config's ``loss_decode`` often
            leaves it behind; only False is possible.
        class_weight (None): Accepted for the same reason; only None is possible.

    Raises:
        ValueError: If an argument is outside the ranges above.
    """

    def __init__(
        self,
        num_old_classes: int,
        loss_weight: float,
        avg_non_ignore: bool,
        loss_name: str,
        use_sigmoid: bool,
        class_weight: None,
    ) -> None:
        super().__init__()
        if (
            isinstance(num_old_classes, bool)
            or not isinstance(num_old_classes, int)
            or num_old_classes < 1
        ):
            raise ValueError(
                'num_old_classes must be an integer of at least 1 (background and the '
                f'old classes), got {num_old_classes!r}'
            )
        if use_sigmoid:
            raise ValueError(
                f'{type(self).__name__} has no use_sigmoid: set use_sigmoid=False or '
                'remove it from loss_decode'
            )
        if class_weight is not None:
            raise ValueError(
                f'{type(self).__name__} has no class weights: set class_weight=None in '
                'loss_decode'
            )
        if not loss_name.startswith('loss_'):
            raise ValueError(f"loss_name must start with 'loss_', got {loss_name!r}")
        self.num_old_classes = num_old_classes
        self.loss_weight = loss_weight
        self.avg_non_ignore = avg_non_ignore
        self._loss_name = loss_name

    @abstractmethod
    def pixel_loss(self, logits: Tensor, label: Tensor, ignore_index: int) -> Tensor:
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
            avg_factor (float | Tensor, optional): Denominator in place of the
                number of pixels.
            reduction_override (str, optional): ``'none'``, ``'sum'`` or ``'mean'``
                in place of the mean.
            ignore_index (int): Label without loss or gradient. Defaults to 255.

        Returns:
            Tensor: A scalar, 0.0 if every pixel is ignored, or ``(N, H, W)`` for
            ``reduction_override='none'``.

        Raises:
            ValueError: If the shapes disagree, the label is not integer,
                ``num_old_classes`` leaves no new class or the reduction is unknown.
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
            avg_factor = avg_factor + torch.finfo(torch.float32).eps
        elif self.avg_non_ignore:
            avg_factor = (seg_label != ignore_index).sum().clamp_(min=1)
        else:
            avg_factor = seg_label.numel()
        return self.loss_weight * (loss.sum() / avg_factor)

    def extra_repr(self) -> str:
        """Settings shown when the model is printed."""
        return (
            f'num_old_classes={self.num_old_classes}, '
            f'loss_weight={self.loss_weight}, avg_non_ignore={self.avg_non_ignore}'
        )

    @property
    def loss_name(self) -> str:
        """Name of the loss in the log; starts with ``loss_``."""
        return self._loss_name
