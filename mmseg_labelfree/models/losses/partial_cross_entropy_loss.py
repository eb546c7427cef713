"""Cross-entropy on the labelled pixels of weakly labelled images alone."""

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...ops.incremental import unbiased_cross_entropy
from ...ops.label_maps import UNLABELED
from ...ops.pixel_loss import check_same_pixels


@MODELS.register_module()
class PartialCrossEntropyLoss(nn.Module):
    r"""Partial cross-entropy (PCE), MiB eq. 12 (https://arxiv.org/abs/2002.00718).

    The loss of an image is the mean of :math:`-\log q_y` over its labelled pixels, 0 if
    it has none; the loss of the batch is the mean over all of its images. Pixels of
    label 254 (unlabelled) and 255 (ignored) cost nothing.

    Args:
        unlabeled_index (int): Label of unlabelled pixels. Defaults to 254.
        loss_weight (float): Factor on the loss. Defaults to 1.0.
        loss_name (str): Name in the log, must start with ``loss_``.
        use_sigmoid (bool): Accepted because a base config's ``loss_decode`` often
            leaves it behind; only False is possible.
        class_weight (None): Accepted for the same reason; only None is possible.

    Raises:
        ValueError: If an argument is outside the ranges above.

    Example:
        ``loss_decode=dict(type='PartialCrossEntropyLoss')``
    """

    # Factor on the second term of eq. 13, which eq. 12 lacks.
    gamma = 0.0

    def __init__(
        self,
        unlabeled_index: int = UNLABELED,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_partial_ce',
        use_sigmoid: bool = False,
        class_weight: None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
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
        self.unlabeled_index = unlabeled_index
        self.loss_weight = loss_weight
        self._loss_name = loss_name

    def pixel_loss(
        self, seg_logits: Tensor, seg_label: Tensor, ignore_index: int
    ) -> Tensor:
        """Loss of each pixel ``(N, H, W)``: here 0 where unlabelled."""
        label = seg_label.masked_fill(
            seg_label == self.unlabeled_index, ignore_index
        )
        return unbiased_cross_entropy(seg_logits, label, 1, ignore_index)

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
            seg_label (Tensor): Class indices ``(N, H, W)``, int64, 254 where
                unlabelled.
            weight (Tensor, optional): Factor per pixel ``(N, H, W)``. It does not
                change the denominators.
            avg_factor (float | Tensor, optional): One denominator for the whole
                batch in place of those of each image and term.
            reduction_override (str, optional): ``'none'`` for the loss of each
                pixel, ``'sum'`` for their sum, both without the denominators of
                eq. 12 and 13; ``'mean'`` is the default.
            ignore_index (int): Label without loss or gradient. Defaults to 255.

        Returns:
            Tensor: A scalar, or ``(N, H, W)`` for ``reduction_override='none'``.

        Raises:
            ValueError: If the shapes disagree, the label is not integer or the
                reduction is unknown.
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
        unlabeled = seg_label == self.unlabeled_index
        if reduction_override in ('none', 'sum') or avg_factor is not None:
            loss = self.loss_weight * torch.where(unlabeled, self.gamma * loss, loss)
            if reduction_override == 'none':
                return loss
            if reduction_override == 'sum':
                return loss.sum()
            # The same guard against a zero denominator as in mmseg.
            return loss.sum() / (avg_factor + torch.finfo(torch.float32).eps)
        per_image = _mean(loss, (seg_label != ignore_index) & ~unlabeled)
        if self.gamma:
            per_image = per_image + self.gamma * _mean(loss, unlabeled)
        return self.loss_weight * per_image.mean()

    def extra_repr(self) -> str:
        """Settings shown when the model is printed."""
        return f'loss_weight={self.loss_weight}'

    @property
    def loss_name(self) -> str:
        """Name of the loss in the log; starts with ``loss_``."""
        return self._loss_name


def _mean(loss: Tensor, pixels: Tensor) -> Tensor:
    """Mean over the given pixels of each image, 0 where there are none."""
    return (loss * pixels).sum((1, 2)) / pixels.sum((1, 2)).clamp_(min=1)
