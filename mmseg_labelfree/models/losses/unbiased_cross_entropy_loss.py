"""Cross-entropy of MiB, in which background stands for all old classes."""

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...ops.incremental import unbiased_cross_entropy
from ...ops.pixel_loss import check_same_pixels


@MODELS.register_module()
class UnbiasedCrossEntropyLoss(nn.Module):
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
                'UnbiasedCrossEntropyLoss sums softmax probabilities: set '
                'use_sigmoid=False or remove it from loss_decode'
            )
        if class_weight is not None:
            raise ValueError(
                'UnbiasedCrossEntropyLoss has no class weights, because background '
                'stands for several classes: set class_weight=None in loss_decode'
            )
        if not loss_name.startswith('loss_'):
            raise ValueError(f"loss_name must start with 'loss_', got {loss_name!r}")
        self.num_old_classes = num_old_classes
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
        loss = unbiased_cross_entropy(
            seg_logits, seg_label, self.num_old_classes, ignore_index
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
        return (
            f'num_old_classes={self.num_old_classes}, '
            f'loss_weight={self.loss_weight}, avg_non_ignore={self.avg_non_ignore}'
        )

    @property
    def loss_name(self) -> str:
        """Name of the loss in the log; starts with ``loss_``."""
        return self._loss_name
