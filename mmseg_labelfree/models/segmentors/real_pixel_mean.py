"""What both versions of UniMatch average over: all pixels that are no padding."""

from dataclasses import replace

import torch
from torch import Tensor

from .teacher_student import TeacherStudentEncoderDecoder
from .teacher_view import TeacherView

__all__ = ['RealPixelMean', 'needs_joint_passes']


class RealPixelMean:
    """Mixin of mean teachers that leaves padding out of the average over pixels.

    The sum over confident pixels is divided by the number of all pixels that show an
    image, confident or not, as they are after the mixing.
    """

    def pixel_weights(self, logits: Tensor, valid: Tensor) -> Tensor:
        """Weights (U, H, W): 0 for padding, else 1 or the share of confident pixels.

        A share of 0 is the smallest number above it: such pixels are counted.
        """
        weights = super().pixel_weights(logits, valid)  # type: ignore[misc]
        if weights is None:
            return valid.float()
        return valid * weights.clamp(min=torch.finfo(weights.dtype).tiny)

    def view_loss(self, logits: Tensor, view: TeacherView) -> dict[str, Tensor]:
        """Compare logits (U, C, h, w) with a view's labels: a mean without padding."""
        if view.weights is not None:
            num_real = (view.weights > 0).sum().clamp(min=1)
            weights = view.weights * (view.weights.numel() / num_real)
            view = replace(view, weights=weights)
        return super().view_loss(logits, view)  # type: ignore[misc]


def needs_joint_passes(model: TeacherStudentEncoderDecoder) -> None:
    """Raise a ValueError if the student is to run once for each source."""
    if model.student_passes != 'joint':
        raise ValueError(
            f'{type(model).__name__} runs labeled and unlabeled images together: '
            f'student_passes={model.student_passes!r} is not possible'
        )
