"""Strong view: color jitter, grayscale and blur of a batch on its device."""

from collections.abc import Iterable, Sequence

import torch
from mmseg.models import SegDataPreProcessor
from torch import Tensor
from torchvision.transforms import v2

from ...ops.compiling import untraced
from ...utils.choices import check_range
from ...utils.framework_compat import swaps_colors

__all__ = ['StrongView']

# Shares of the range that the pixels of a batch stay within, with room for noise.
_LOW, _HIGH, _TOO_DARK = -1.0, 2.0, 1 / 128


class StrongView:
    """Augmentation that makes the strong view of normalized images: color and blur.

    Each sample draws its own parameters, from torch's global CPU generator, and is
    changed where it is, by torchvision; geometry and labels stay as they are. The
    batch is taken back to colors of 0 to 1, changed, and normalized again. Images of
    any number of channels can be blurred, colors are those of one or three channels.
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
        value_range: Largest value of a pixel before normalization: 255 for 8 bits, 4095
            for 12, 65535 for 16, 1 for floats of 0 to 1. The first batch is checked.

    Raises:
        ValueError: A probability or ``value_range`` is out of range. At the first
            batch: its values are far from that range, or it has no colors to change.

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
        value_range: float = 255.0,
    ) -> None:
        check_range(
            0,
            1,
            jitter_prob=jitter_prob,
            grayscale_prob=grayscale_prob,
            blur_prob=blur_prob,
        )
        check_range(0, above=True, blur_sigma=min(blur_sigma), value_range=value_range)
        self.changes_colors = bool(jitter_prob or grayscale_prob)
        self.value_range = value_range
        self._checked = False
        radius = int(3 * max(blur_sigma) + 0.5)
        jitter = v2.ColorJitter(brightness, contrast, saturation, hue)
        blur = v2.GaussianBlur(2 * radius + 1, tuple(blur_sigma))
        self.changes = (
            (jitter, jitter_prob),
            (_without_color, grayscale_prob),
            (blur, blur_prob),
        )
        self.whole_batch = whole_batch

    @untraced
    @torch.no_grad()
    def __call__(self, images: Tensor, preprocessor: SegDataPreProcessor) -> Tensor:
        """Make the strong views of a batch.

        Args:
            images: Normalized floating point images ``(N, C, H, W)``.
            preprocessor: The preprocessor that made them; it knows mean, deviation and
                order of colors.

        Returns:
            Tensor like ``images``. Without ``bgr_to_rgb`` three channels count as BGR.
        """
        if not self._changes_something():
            return images
        self._check_channels(images.shape[1])
        scale = images.new_full((1, 1, 1), self.value_range)
        mean, std = torch.zeros_like(scale), torch.ones_like(scale)
        if hasattr(preprocessor, 'mean'):
            mean, std = preprocessor.mean.to(images), preprocessor.std.to(images)
        flip = images.shape[1] == 3 and not swaps_colors(preprocessor)
        with torch.autocast(images.device.type, enabled=False):
            colors = (images * std + mean) / scale
            if colors.device.type == 'cpu':
                self.check_range([colors * self.value_range])
            colors = colors.clamp_(0, 1)
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

    def check_range(self, values: Iterable[Tensor]) -> None:
        """Refuse images of another range, once; reading their values takes a CPU.

        Args:
            values: Images before normalization, of any shape.

        Raises:
            ValueError: They are far from ``value_range``.
        """
        if self._checked or not self._changes_something():
            return
        bounds = [torch.aminmax(v) for v in values]
        low = min(float(b.min) for b in bounds) / self.value_range
        high = max(float(b.max) for b in bounds) / self.value_range
        dark = 0 < high < _TOO_DARK
        if dark or low < _LOW or high > _HIGH:
            raise ValueError(
                f'strong_view: the pixels of a batch are {low * self.value_range:.4g} '
                f'to {high * self.value_range:.4g} before normalization, but '
                f'strong_view.value_range is {self.value_range:g}; set it to the '
                'largest value that a pixel can have'
            )
        self._checked = True

    def _changes_something(self) -> bool:
        return any(prob for _, prob in self.changes)

    def _check_channels(self, channels: int) -> None:
        if self.changes_colors and channels not in (1, 3):
            raise ValueError(
                f'strong_view: images of {channels} channels have no colors to change; '
                'set strong_view.jitter_prob=0 and strong_view.grayscale_prob=0 (blur '
                'works)'
            )


def _without_color(image: Tensor) -> Tensor:
    return v2.functional.rgb_to_grayscale(image, image.shape[0])


def _happens(prob: float) -> bool:
    return bool(torch.rand(1) < prob)
