"""What both versions of UniMatch do with views: colors first, padding left out."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...ops.label_maps import IGNORE
from ..utils.head_checks import needs_pixel_weights
from .teacher_view import TeacherView

__all__ = ['UniMatchViews', 'needs_joint_passes']


class UniMatchViews:
    """Mixin of mean teachers that recolors before mixing and averages without padding.

    Each image has colors of its own before a box of another is pasted, as with the
    authors; elsewhere the mixture is recolored. The sum over confident pixels is
    divided by the number of all pixels that show an image, confident or not, as they
    are after the mixing.
    """

    def mixed(self, weak: TeacherView, labeled: TeacherView) -> TeacherView:
        """Recolor the images, then paste: a box keeps the colors of its image.

        Of labeled partners all pixels with a label show an image.
        """
        if self.mixing.takes_labeled(weak):  # type: ignore[attr-defined]
            shown = (labeled.labels != IGNORE).float()
            labeled = self.recolored(replace(labeled, weights=shown))  # type: ignore[attr-defined]
        return self.mixing(self.recolored(weak), labeled)  # type: ignore[attr-defined]

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


def needs_joint_passes(model: Any) -> None:
    """Raise a ValueError if the student is to run once for each source.

    Also if its loss of unlabeled images does not leave out padding, by a weight.
    """
    needs_pixel_weights(type(model).__name__, model.unlabeled_criterion)
    if model.student_passes != 'joint':
        raise ValueError(
            f'{type(model).__name__} runs labeled and unlabeled images together: '
            f'student_passes={model.student_passes!r} is not possible'
        )
