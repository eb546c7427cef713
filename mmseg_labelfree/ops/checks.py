"""Checks of what the losses of pixels are called with."""

from typing import Literal

import torch
from torch import Tensor

__all__ = [
    'Variant',
    'check_distillation',
    'check_label',
    'check_logits',
    'check_old_classes',
    'check_same_pixels',
    'check_variant',
]

#: Where a paper and its authors' code differ: 'paper' is what the equations say,
#: 'official' what the code does. The default is 'paper' everywhere.
Variant = Literal['paper', 'official']


def check_logits(logits: Tensor, name: str = 'logits') -> None:
    """Raise a ValueError unless ``logits`` are floating point (N, C, H, W)."""
    if logits.dim() != 4 or not logits.is_floating_point() or not logits.numel():
        raise ValueError(
            f'{name} must be a non-empty floating point tensor (N, C, H, W), got '
            f'{logits.dtype} of shape {tuple(logits.shape)}'
        )


def check_same_pixels(name: str, values: Tensor, logits: Tensor, dim: int = 3) -> None:
    """Raise a ValueError unless ``values`` cover the pixels of ``logits``.

    Args:
        name: What to call ``values`` in the message.
        values: ``(N, H, W)``, or ``(N, K, H, W)`` for ``dim=4``.
        logits: ``(N, C, H, W)``.
        dim: Number of dimensions that ``values`` must have.
    """
    got = tuple(values.shape)
    want = (logits.shape[0], *logits.shape[2:])
    if values.dim() != dim or dim not in (3, 4) or (got[0], *got[-2:]) != want:
        form = '(N, H, W)' if dim == 3 else '(N, K, H, W)'
        raise ValueError(
            f'{name} must have shape {form} with the batch size, height and width of '
            f'the logits {tuple(logits.shape)}, got {got}; resize one to the other '
            'first'
        )


def check_label(label: Tensor, logits: Tensor) -> None:
    """Raise a ValueError unless ``label`` holds an integer per pixel of ``logits``."""
    check_same_pixels('label', label, logits)
    if label.is_floating_point() or label.dtype == torch.bool:
        raise ValueError(f'label must hold integer class indices, got {label.dtype}')


def check_old_classes(label: Tensor, logits: Tensor, num_old_classes: int) -> None:
    """Raise a ValueError unless label and number of old classes fit the logits."""
    check_label(label, logits)
    if not 1 <= num_old_classes < logits.shape[1]:
        raise ValueError(
            f'num_old_classes={num_old_classes} does not fit {logits.shape[1]} '
            'logits: it counts background and the old classes, so it must be at least '
            '1 and leave at least one new class'
        )


def check_distillation(student: Tensor, teacher: Tensor, alpha: float = 1.0) -> int:
    """Return the teacher's number of classes, or raise a ValueError."""
    check_logits(student, 'student_logits')
    check_logits(teacher, 'teacher_logits')
    check_same_pixels('teacher_logits', teacher, student, dim=4)
    num_old_classes = teacher.shape[1]
    if not 2 <= num_old_classes <= student.shape[1]:
        raise ValueError(
            f'teacher_logits have {num_old_classes} classes and student_logits '
            f'{student.shape[1]}: the teacher needs background and at least one old '
            'class, and the student must know all of them'
        )
    if not alpha > 0:
        raise ValueError(f'alpha must be positive, got {alpha}')
    return num_old_classes


def check_variant(variant: str) -> None:
    """Raise a ValueError unless ``variant`` is 'paper' or 'official'."""
    if variant not in ('paper', 'official'):
        raise ValueError(f"variant must be 'paper' or 'official', got {variant!r}")
