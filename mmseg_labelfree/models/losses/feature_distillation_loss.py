"""Distillation of features (ILT)."""

from collections.abc import Sequence
from typing import Any, Literal

from mmseg.registry import MODELS
from torch import Tensor

from ...ops.feature_distillation import feature_distillation
from ...utils.choices import check_choice
from .base import BaseLoss


@MODELS.register_module()
class FeatureDistillationLoss(BaseLoss):
    """Loss of the mean squared difference of student's and teacher's features.

    ILT, a baseline of MiB (section 6.2.1 of https://arxiv.org/abs/2201.13338), uses it
    together with :class:`KnowledgeDistillationLoss`, each with weight 100 in the
    authors' code. See :func:`~mmseg_labelfree.ops.feature_distillation`.

    Args:
        level: Which features. 'backbone', as the authors' code and so the published
            numbers: the last output of the backbone (of the neck, if there is one).
            'decoder', as the paper's text: the input of the decode head's classifier,
            before dropout. Defaults to 'backbone'.
        **kwargs: As for :class:`BaseLoss`.

    Raises:
        ValueError: An argument is out of range.

    Example:
        ``distillation=[dict(type='KnowledgeDistillationLoss', loss_weight=100.0),
        dict(type='FeatureDistillationLoss', loss_weight=100.0)]``

        >>> import torch
        >>> loss = FeatureDistillationLoss(loss_weight=100.0)
        >>> loss(torch.ones(1, 2, 3, 3), torch.zeros(1, 2, 3, 3))
        tensor(100.)
    """

    loss_name = 'loss_feature_kd'

    def __init__(
        self, level: Literal['backbone', 'decoder'] = 'backbone', **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_choice('level', level, ('backbone', 'decoder'))
        self.level = level

    @property
    def compares(self) -> str:
        """What IncrementalEncoderDecoder hands to the loss, of student and teacher."""
        return self.level

    def forward(
        self, student: Tensor | Sequence[Tensor], teacher: Tensor | Sequence[Tensor]
    ) -> Tensor:
        """Compute the loss.

        Args:
            student: Features ``(N, C, H, W)`` of the model in training, or several, of
                which the last counts.
            teacher: The same of the model before this step; no gradient flows into it.

        Returns:
            A scalar.

        Raises:
            ValueError: The shapes differ; the message names both.
        """
        student, teacher = (
            x if isinstance(x, Tensor) else x[-1] for x in (student, teacher)
        )
        return self.loss_weight * feature_distillation(student, teacher)
