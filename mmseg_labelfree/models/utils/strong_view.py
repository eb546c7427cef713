"""Strong view: color jitter, grayscale and blur of a batch on its device."""

from collections.abc import Sequence

import torch
from mmseg.models import SegDataPreProcessor
from torch import Tensor
from torchvision.transforms import v2

from ...ops.compiling import untraced
from ...utils.framework_compat import swaps_colors

__all__ = ['StrongView']


class StrongView:
    """Augmentation that makes the strong view of normalized images: color and blur.

    Each sample draws its own parameters, from torch's global CPU generator, and is
    changed where it is, by torchvision; geometry and labels stay as they are. The
    batch is taken back to colors of 0 to 1, changed, and normalized again.
    The default strengths are those of ST++ and UniMatch
    (https://arxiv.org/abs/2208.09910). EUMS has ``jitter_prob=1.0`` and neither
    grayscale nor blur; DACS and DAFormer have a jitter of 0.2,
    ``blur_sigma=(0.15, 1.15)`` and ``whole_batch=True``.

    Args:
        brightness: Largest relative change of the brightness.
        contrast: Largest relative change of the contrast.
        saturation: Largest relative change of the saturation.
        hue: Largest shift of the hue, 0 to 0.5 of the circle.
        jitter_prob: Probability of any change of color.
        grayscale_prob: Probability of no color at all.
        blur_prob: Probability of a Gaussian blur.
        blur_sigma: Bounds of its standard deviation in pixels.
        whole_batch: Decide once for all samples whether there is jitter, gray and
            blur; their strengths are still each sample's own.

    Example:
        ``model=dict(type='MeanTeacherEncoderDecoder', strong_view=dict(
        jitter_prob=0.8, blur_prob=0.5))``
    """

    def __init__(
        self,
        brightness: float = 0.5,
        contrast: float = 0.5,
        saturation: float = 0.5,
        hue: float = 0.25,
        jitter_prob: float = 0.8,
        grayscale_prob: float = 0.2,
        blur_prob: float = 0.5,
        blur_sigma: Sequence[float] = (0.1, 2.0),
        whole_batch: bool = False,
    ) -> None:
        radius = int(3 * max(blur_sigma) + 0.5)
        jitter = v2.ColorJitter(brightness, contrast, saturation, hue)
        blur = v2.GaussianBlur(2 * radius + 1, tuple(blur_sigma))
        gray = v2.Grayscale(3)
        self.changes = (
            (jitter, jitter_prob),
            (gray, grayscale_prob),
            (blur, blur_prob),
        )
        self.whole_batch = whole_batch

    @untraced
    @torch.no_grad()
    def __call__(self, images: Tensor, preprocessor: SegDataPreProcessor) -> Tensor:
        """Make the strong views of a batch.

        Args:
            images: Normalized floating point images ``(N, 3, H, W)``.
            preprocessor: The preprocessor that made them; it knows mean, deviation and
                order of colors.

        Returns:
            Tensor like ``images``. Without ``bgr_to_rgb`` the images count as BGR.
        """
        scale = images.new_full((1, 1, 1), 255.0)
        mean, std = torch.zeros_like(scale), torch.ones_like(scale)
        if hasattr(preprocessor, 'mean'):
            mean, std = preprocessor.mean.to(images), preprocessor.std.to(images)
        flip = not swaps_colors(preprocessor)
        with torch.autocast(images.device.type, enabled=False):
            colors = ((images * std + mean) / scale).clamp_(0, 1)
            if flip:
                colors = colors.flip(1)
            colors = self._change(colors)
            if flip:
                colors = colors.flip(1)
            return (colors * scale - mean) / std

    def _change(self, colors: Tensor) -> Tensor:
        """Apply each change to each image, or not."""
        probs = [prob for _, prob in self.changes]
        decided = [_happens(prob) for prob in probs] if self.whole_batch else None
        changed = []
        for image in colors:
            for index, (change, prob) in enumerate(self.changes):
                if decided[index] if decided else _happens(prob):
                    image = change(image)
            changed.append(image)
        return torch.stack(changed)


def _happens(prob: float) -> bool:
    return bool(torch.rand(1) < prob)
