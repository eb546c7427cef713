"""Label maps from class activation maps, as a segmentor in training makes them."""

from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from mmseg.models import SegDataPreProcessor
from torch import Tensor

from ...ops.pixel_adaptive_refinement import pixel_adaptive_refinement
from ...ops.probabilities import full_precision
from ...ops.refined_labels import Box, Refine, background_scores, refined_labels
from ...ops.token_affinity import propagate_activations
from ...utils.choices import check_range

__all__ = ['ActivationLabeler', 'image_colors']


class ActivationLabeler:
    """Maker of label maps from activation maps, with two scores of background (AFA).

    https://arxiv.org/abs/2203.02664, section 3.4, and its code. A pixel is of the class
    with the highest score if that exceeds the high score of background, background if
    even the low one exceeds all classes, and ignored (255) in between; scores are
    refined by the image first.

    Args:
        background_low: Low score of background, 0 to 1.
        background_high: High score, at least the low one.
        refinement: Settings of
            :func:`~mmseg_labelfree.ops.pixel_adaptive_refinement`; ``{}`` for AFA's,
            None for no refinement.
        shrink: Factor between the sides of the images and those on which scores are
            refined.
        radius: Farthest tokens, in rows or columns, to which :meth:`propagated` spreads
            activations.

    Raises:
        ValueError: The scores are out of order.

    Example:
        >>> labeler = ActivationLabeler(0.35, 0.55, refinement=None, shrink=1)
        >>> maps = torch.tensor([[[[0.1, 0.5, 0.9]]]])
        >>> labeler(torch.zeros(1, 3, 1, 3), maps, torch.tensor([[True]]))
        tensor([[[  0, 255,   1]]])
    """

    def __init__(
        self,
        background_low: float = 0.35,
        background_high: float = 0.55,
        refinement: dict | None = None,
        shrink: int = 2,
        radius: int = 8,
    ) -> None:
        if not 0 <= background_low <= background_high <= 1:
            raise ValueError(
                f'background_low={background_low} and background_high='
                f'{background_high} must be 0 to 1 and in this order: what '
                'exceeds the high one is an object'
            )
        check_range(1, shrink=shrink, radius=radius)
        self.background = (background_low, background_high)
        self.refine: Refine = _keep
        if refinement is not None:
            self.refine = partial(pixel_adaptive_refinement, **refinement)
        self.shrink = shrink
        self.radius = radius

    def __call__(
        self,
        images: Tensor,
        activations: Tensor,
        image_labels: Tensor,
        valid: Tensor | None = None,
    ) -> Tensor:
        """Make label maps.

        Args:
            images: ``(N, 3, H, W)``, 0 to 1, see :func:`image_colors`.
            activations: ``(N, K, H, W)``, 0 to 1, without a map of background.
            image_labels: Classes of each image, bool ``(N, K)``, on the CPU, where
                nothing waits for them.
            valid: Bool ``(N, H, W)``, False where there is no image.

        Returns:
            int64 ``(N, H, W)``: 0 = background, k + 1 for class k, 255 = ignored.
        """
        small = [max(1, side // self.shrink) for side in images.shape[2:]]
        scores = self._scores(activations, image_labels, small)
        return self._labels(images, scores, image_labels, valid)

    def propagated(
        self,
        images: Tensor,
        activations: Tensor,
        image_labels: Tensor,
        affinity: Tensor,
        tokens: Sequence[int],
        valid: Tensor | None = None,
        boxes: Sequence[Box] | None = None,
    ) -> Tensor:
        """Make label maps from activations that spread to positions that are alike.

        Args:
            images: As for a call.
            activations: As for a call.
            image_labels: As for a call.
            affinity: ``(N, h w, h w)``, 0 to 1.
            tokens: Its rows and columns (h, w).
            valid: As for a call.
            boxes: Place of each image in its crop. What lies outside takes no part in
                the refinement.
        """
        scores = self._scores(activations, image_labels, tokens)
        spread = propagate_activations(torch.cat(scores, 1), affinity, self.radius)
        both = _resize(spread, images.shape[2:]).chunk(2, 1)
        return self._labels(images, both, image_labels, valid, boxes)

    def _scores(
        self, activations: Tensor, image_labels: Tensor, size: Sequence[int]
    ) -> list[Tensor]:
        """Softmax with the low and with the high score of background, resized."""
        small = _resize(activations, size)
        return [background_scores(small, image_labels, b) for b in self.background]

    def _labels(
        self,
        images: Tensor,
        scores: Sequence[Tensor],
        image_labels: Tensor,
        valid: Tensor | None,
        boxes: Sequence[Box] | None = None,
    ) -> Tensor:
        """Label maps from the scores with a low and a high score of background."""
        low, high = scores
        return refined_labels(
            images,
            low,
            high,
            image_labels,
            self.refine,
            boxes=boxes,
            valid=valid,
            shrink=self.shrink,
        )


@torch.no_grad()
def image_colors(images: Tensor, preprocessor: SegDataPreProcessor) -> Tensor:
    """Take normalized images back to colors, 0 to 1, in steps of 1/255.

    Args:
        images: ``(N, 3, H, W)``, as the preprocessor made them.
        preprocessor: Knows mean and deviation.

    Returns:
        ``(N, 3, H, W)``, float32 (float64 for float64), rounded down as in AFA's code;
        what is a whole level but for rounding errors stays one. Their order of channels
        stays.
    """
    colors = full_precision(images)
    if hasattr(preprocessor, 'mean'):
        colors = colors * preprocessor.std.to(colors) + preprocessor.mean.to(colors)
    return (colors + 1e-3).floor().clamp(0, 255) / 255


def _resize(maps: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(maps, tuple(size), mode='bilinear', align_corners=False)


def _keep(images: Tensor, masks: Tensor) -> Tensor:
    """No refinement."""
    return masks
