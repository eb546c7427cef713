"""Distillation of features."""

import torch
from torch import Tensor

__all__ = ['feature_distillation']


def feature_distillation(student: Tensor, teacher: Tensor) -> Tensor:
    """Compute the mean squared difference of two feature maps.

    A part of ILT, a baseline of Modeling the Background (section 6.2.1 of
    https://arxiv.org/abs/2201.13338).

    Args:
        student: ``(N, C, H, W)`` of the model in training; half precision is computed
            in float32.
        teacher: The same of the model before this step; no gradient flows into it.

    Returns:
        A scalar, the mean over images, channels and positions.

    Raises:
        ValueError: The shapes differ; the message names both.

    Example:
        >>> feature_distillation(torch.ones(1, 2, 3, 3), torch.full((1, 2, 3, 3), 3.0))
        tensor(4.)
    """
    if student.shape != teacher.shape:
        raise ValueError(
            f'the features of student {tuple(student.shape)} and teacher '
            f'{tuple(teacher.shape)} differ in shape: their distillation needs two '
            'networks of the same form'
        )
    # Promotes half precision to float32 and leaves float64.
    wide = torch.promote_types(student.dtype, torch.float32)
    difference = student.to(wide) - teacher.detach().to(wide)
    return difference.square().mean()
