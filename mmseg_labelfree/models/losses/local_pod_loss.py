"""Distillation of pooled features of all levels (PLOP)."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from mmseg.registry import MODELS
from torch import Tensor

from ...ops.local_pod import background_with_new, local_pod
from ...utils.choices import check_range
from .base import BaseLoss


@MODELS.register_module()
class LocalPODLoss(BaseLoss):
    r"""Loss of the distance of locally pooled features on all levels.

    Local POD of PLOP (https://arxiv.org/abs/2011.11390):

    .. math::
        L = \frac{1}{L} \sqrt{\frac{|C_{1:t}|}{|C_t|}} \sum_l \lambda_l
        \frac{1}{N} \sum_n \| \Phi(f_{l,n}) - \Phi(f^{old}_{l,n}) \|_2

    with :func:`~mmseg_labelfree.ops.local_pod.local_pod` as :math:`\Phi`. The levels
    are the stages of the backbone, the input of the classifier, and the logits, of
    which the new ones are added to the background's first.

    Args:
        scales: Cells along the width. Defaults to (1, 2, 4).
        loss_weight: :math:`\lambda` of features. Defaults to 0.01, the code's for VOC.
        logit_weight: :math:`\lambda` of the logits. Defaults to 0.0005.
        **kwargs: As for :class:`BaseLoss`.

    Raises:
        ValueError: An argument is out of range.

    Example:
        ``distillation=[dict(type='LocalPODLoss', loss_weight=0.001,
        logit_weight=0.00001)]``

        >>> loss = LocalPODLoss()
        >>> old = [torch.ones(1, 2, 4, 4), torch.ones(1, 3, 4, 4)]
        >>> new = [torch.ones(1, 2, 4, 4), torch.ones(1, 4, 4, 4)]
        >>> loss(new, old)  # the background's logit is 2 now
        tensor(0.0112)
    """

    compares = 'levels'
    loss_name = 'loss_local_pod'

    def __init__(
        self,
        scales: Sequence[int] = (1, 2, 4),
        loss_weight: float = 0.01,
        logit_weight: float = 0.0005,
        **kwargs: Any,
    ) -> None:
        super().__init__(loss_weight=loss_weight, **kwargs)
        check_range(0, logit_weight=logit_weight)
        if not scales or min(scales) < 1:
            raise ValueError(f'scales must be numbers of at least 1, got {scales}')
        self.scales = tuple(scales)
        self.logit_weight = logit_weight

    def forward(self, student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
        """Compute the loss.

        Args:
            student: Maps ``(N, C, H, W)`` of all levels; the last are logits.
            teacher: The same of the model before this step, with fewer logits.

        Returns:
            A scalar.

        Raises:
            ValueError: A map is too small for the scales.
        """
        *features, logits = student
        *old_features, old_logits = teacher
        num_old, num_all = old_logits.shape[1], logits.shape[1]
        distances = [
            self.loss_weight * self._distance(new, old)
            for new, old in zip(features, old_features, strict=True)
        ]
        logits = background_with_new(logits, num_old)
        distances.append(self.logit_weight * self._distance(logits, old_logits))
        factor = math.sqrt(num_all / (num_all - num_old))
        return factor * torch.stack(distances).mean()

    def _distance(self, new: Tensor, old: Tensor) -> Tensor:
        """Distance of pooled features, averaged over the images."""
        pooled = local_pod(new, self.scales), local_pod(old.detach(), self.scales)
        return torch.linalg.vector_norm(pooled[0] - pooled[1], dim=1).mean()
