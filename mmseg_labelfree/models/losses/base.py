"""Base classes of the losses: their settings and how they average pixels."""

from abc import abstractmethod
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ...ops.checks import check_label, check_logits, check_same_pixels
from ...ops.pixel_terms import PixelTerm, striped_terms
from ...ops.probabilities import full_precision
from ...utils.choices import check_range


class BaseLoss(nn.Module):
    """Base class of the losses, which holds the factor and the name.

    Args:
        loss_weight: Factor on the loss, at least 0. Defaults to 1.0.
        loss_name: Name in the log. It must start with ``loss_``, without which a value
            is no part of the objective. None for the class's own. Defaults to None.

    Attributes:
        loss_name: The class's own name, or what the config says.

    Raises:
        ValueError: An argument is out of range.
    """

    loss_name: str

    def __init__(self, loss_weight: float = 1.0, loss_name: str | None = None) -> None:
        super().__init__()
        check_range(0, loss_weight=loss_weight)
        self.loss_weight = loss_weight
        if loss_name is not None:
            if not loss_name.startswith('loss_'):
                raise ValueError(
                    f"loss_name must start with 'loss_', got {loss_name!r}"
                )
            self.loss_name = loss_name

    def extra_repr(self) -> str:
        """All settings, for ``print(model)``."""
        settings = {k: v for k, v in vars(self).items() if not k.startswith('_')}
        del settings['training']
        return ', '.join(f'{key}={value!r}' for key, value in settings.items())


class DecodeLoss(BaseLoss):
    """Base class of a ``loss_decode``, which averages the losses of pixels.

    Subclasses compute these in :meth:`pixel_loss`; one with other denominators
    overrides :meth:`pixel_weight`.

    Args:
        avg_non_ignore: False, the default of mmseg and of the authors' codes, divides
            by the number of all pixels, ignored ones included. True divides by the
            number of the others. Defaults to False.
        use_sigmoid: Accepted because a base config's ``loss_decode`` often leaves it
            behind; only False is possible.
        class_weight: Accepted for the same reason; only None is possible.
        **kwargs: As for :class:`BaseLoss`.

    Raises:
        ValueError: An argument is out of range.
    """

    def __init__(
        self,
        avg_non_ignore: bool = False,
        use_sigmoid: bool = False,
        class_weight: None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if use_sigmoid:
            self._refuse('use_sigmoid', False)
        if class_weight is not None:
            self._refuse('class_weight', None)
        self.avg_non_ignore = avg_non_ignore

    @abstractmethod
    def pixel_loss(
        self, logits: Tensor, label: Tensor, *maps: Tensor, ignore_index: int
    ) -> Tensor:
        """Loss of each pixel ``(N, H, W)``, 0 where it is ignored.

        Args:
            logits: ``(N, C, H, W)``.
            label: Class indices ``(N, H, W)``.
            *maps: What :meth:`maps` adds to the label.
            ignore_index: Label without loss or gradient.
        """

    def maps(self, label: Tensor, num_classes: int) -> tuple[Tensor, ...]:
        """What the loss of a pixel needs to know besides its own logits and label."""
        return ()

    def pixel_weight(
        self, label: Tensor, ignore_index: int, dtype: torch.dtype
    ) -> Tensor | float:
        """Weight of each pixel in the mean, a scalar or ``(N, H, W)``."""
        if self.avg_non_ignore:
            return 1 / (label != ignore_index).sum().clamp_(min=1)
        return 1 / label.numel()

    def pixel_term(
        self,
        logits: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        ignore_index: int = 255,
        pixel_weight: Tensor | float | None = None,
    ) -> PixelTerm:
        """The loss as a sum over pixels, to be computed strip by strip.

        Args:
            logits: ``(N, C, h, w)``, of any size.
            label: Class indices ``(N, H, W)``.
            weight: Factor of each pixel ``(N, H, W)``. It does not change the
                denominator.
            ignore_index: Label without loss or gradient. Defaults to 255.
            pixel_weight: In place of :meth:`pixel_weight`.
        """
        if pixel_weight is None:
            dtype = full_precision(logits[:0]).dtype
            pixel_weight = self.pixel_weight(label, ignore_index, dtype)
        factor = self.loss_weight * pixel_weight
        return PixelTerm(
            partial(self.pixel_loss, ignore_index=ignore_index),
            (label, *self.maps(label, logits.shape[1])),
            weight=factor if weight is None else factor * weight,
        )

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
            seg_logits: ``(N, C, H, W)``; half precision is computed in float32.
            seg_label: Class indices ``(N, H, W)``, int64.
            weight: Factor per pixel ``(N, H, W)``, as a pixel sampler returns it. It
                does not change the denominator.
            avg_factor: One denominator for all pixels in place of the loss's own.
            reduction_override: 'none', 'sum' or 'mean' in place of the mean.
            ignore_index: Label without loss or gradient. Defaults to 255.

        Returns:
            A scalar, 0.0 if every pixel is ignored, or ``(N, H, W)`` for
            ``reduction_override='none'``.

        Raises:
            ValueError: The shapes disagree, the label is not integer, it does not
                fit the logits, or the reduction is unknown.
        """
        if reduction_override not in (None, 'none', 'mean', 'sum'):
            raise ValueError(
                "reduction_override must be 'none', 'mean' or 'sum', got "
                f'{reduction_override!r}'
            )
        check_logits(seg_logits)
        check_label(seg_label, seg_logits)
        if weight is not None:
            check_same_pixels('weight', weight, seg_logits)
        pixel_weight: float | Tensor | None = None
        if reduction_override in ('none', 'sum'):
            pixel_weight = 1.0
        elif avg_factor is not None:
            # The same guard against a zero denominator as in mmseg.
            pixel_weight = 1 / (avg_factor + torch.finfo(torch.float32).eps)
        term = self.pixel_term(
            seg_logits, seg_label, weight, ignore_index, pixel_weight
        )
        if reduction_override == 'none':
            return term.weight * term.equation(seg_logits, *term.maps)
        return striped_terms([term], seg_logits, seg_logits.shape[2:])[0]

    def _refuse(self, setting: str, off: bool | None) -> None:
        raise ValueError(
            f'{type(self).__name__} has no {setting}: set {setting}={off} in '
            'loss_decode'
        )


class DistillationLoss(BaseLoss):
    """Base class of a distillation, which averages the losses of pixels.

    Subclasses compute these in :meth:`pixel_loss`.

    Args:
        **kwargs: As for :class:`BaseLoss`.

    Attributes:
        compares: What ``IncrementalEncoderDecoder`` hands to the loss, of student and
            teacher.
    """

    compares = 'logits'

    @abstractmethod
    def pixel_loss(self, student_logits: Tensor, teacher_logits: Tensor) -> Tensor:
        """Loss of each pixel ``(N, H, W)``."""

    def pixel_term(
        self, teacher_logits: Tensor, num_pixels: int, mask: Tensor | None = None
    ) -> PixelTerm:
        """The loss as a sum over pixels, to be computed strip by strip.

        Args:
            teacher_logits: ``(N, K, h, w)`` of the model of the step before.
            num_pixels: N H W, pixels of the batch at the size of the loss.
            mask: Bool or float factor per pixel ``(N, H, W)``.
        """
        weight = self.loss_weight / num_pixels
        return PixelTerm(
            self.pixel_loss,
            others=(teacher_logits,),
            weight=weight if mask is None else weight * mask,
        )

    def forward(
        self,
        student_logits: Tensor,
        teacher_logits: Tensor,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Compute the loss.

        Args:
            student_logits: ``(N, C, H, W)`` of the model in training; half precision
                is computed in float32.
            teacher_logits: ``(N, K, H, W)`` of the model of the step before,
                ``2 <= K <= C``; no gradient flows into them.
            mask: Bool or float factor per pixel ``(N, H, W)``. The mean stays one over
                all pixels.

        Returns:
            A scalar, never negative.

        Raises:
            ValueError: The shapes do not fit; the message names both.
        """
        check_logits(student_logits, 'student_logits')
        check_logits(teacher_logits, 'teacher_logits')
        check_same_pixels('teacher_logits', teacher_logits, student_logits, dim=4)
        if mask is not None:
            check_same_pixels('mask', mask, student_logits)
        size = student_logits.shape[2:]
        num_pixels = len(student_logits) * size.numel()
        term = self.pixel_term(teacher_logits, num_pixels, mask)
        return striped_terms([term], student_logits, size)[0]


def check_num_old_classes(num_old_classes: int) -> int:
    """Return the number of classes known before a step if it is one.

    Raises:
        ValueError: It is no integer of at least 1.
    """
    if type(num_old_classes) is not int or num_old_classes < 1:
        raise ValueError(
            'num_old_classes must be an integer of at least 1 (background and the old '
            f'classes), got {num_old_classes!r}'
        )
    return num_old_classes
