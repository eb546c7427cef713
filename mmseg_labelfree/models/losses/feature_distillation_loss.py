"""Distillation of features (ILT)."""

from collections.abc import Sequence
from typing import Literal

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class FeatureDistillationLoss(nn.Module):
    """Mean squared difference of the student's and the teacher's features.

    ILT in MiB, section 6.2.1 (https://arxiv.org/abs/2002.00718), uses it together with
    :class:`KnowledgeDistillationLoss`, each with weight 100 in the authors' code. The
    mean runs over images, channels and positions.

    Args:
        level (str): Which features. 'backbone', as the authors' code and so the
            published numbers: the output of the backbone (of the neck, if there is
            one). 'decoder', as the paper's text: the input of the decode head's
            classifier, before dropout. Defaults to 'backbone'.
        in_index (int): Which of the backbone's outputs, for the level 'backbone'.
            Defaults to -1, the last.
        loss_weight (float): Factor on the loss. Defaults to 1.0.
        loss_name (str): Name in the log, must start with ``loss_``.

    Raises:
        ValueError: If ``level`` is unknown or ``loss_name`` has no prefix.

    Example:
        ``distillation=[dict(type='KnowledgeDistillationLoss', loss_weight=100.0),
        dict(type='FeatureDistillationLoss', loss_weight=100.0)]``
    """

    def __init__(
        self,
        level: Literal['backbone', 'decoder'] = 'backbone',
        in_index: int = -1,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_feature_kd',
    ) -> None:
        super().__init__()
        if level not in ('backbone', 'decoder'):
            raise ValueError(f"level must be 'backbone' or 'decoder', got {level!r}")
        if not loss_name.startswith('loss_'):
            raise ValueError(f"loss_name must start with 'loss_', got {loss_name!r}")
        self.level = level
        self.in_index = in_index
        self.loss_weight = loss_weight
        self._loss_name = loss_name

    @property
    def compares(self) -> str:
        """What IncrementalEncoderDecoder hands to the loss, of student and teacher."""
        return self.level

    def forward(
        self, student: Tensor | Sequence[Tensor], teacher: Tensor | Sequence[Tensor]
    ) -> Tensor:
        """Compute the loss.

        Args:
            student (Tensor | Sequence[Tensor]): Features ``(N, C, H, W)`` of the model
                in training, or several, of which ``in_index`` counts. Half precision
                is computed in float32.
            teacher (Tensor | Sequence[Tensor]): The same of the model before this
                step; no gradient flows into it.

        Returns:
            Tensor: A scalar.

        Raises:
            ValueError: If the shapes differ; the message names both.
        """
        student, teacher = (
            x if isinstance(x, Tensor) else x[self.in_index] for x in (student, teacher)
        )
        if student.shape != teacher.shape:
            raise ValueError(
                f'the {self.level} features of student {tuple(student.shape)} and '
                f'teacher {tuple(teacher.shape)} differ in shape: '
                'FeatureDistillationLoss needs two networks of the same form'
            )
        # Promotes half precision to float32 and leaves float64.
        wide = torch.promote_types(student.dtype, torch.float32)
        difference = student.to(wide) - teacher.detach().to(wide)
        return self.loss_weight * difference.square().mean()

    def extra_repr(self) -> str:
        """Settings shown when the model is printed."""
        return (
            f'level={self.level!r}, in_index={self.in_index}, '
            f'loss_weight={self.loss_weight}'
        )

    @property
    def loss_name(self) -> str:
        """Name of the loss in the log; starts with ``loss_``."""
        return self._loss_name
