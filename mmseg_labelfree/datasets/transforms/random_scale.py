"""Resizing to a random multiple of the image's own size."""

from collections.abc import Sequence
from typing import Any

from mmcv.transforms import RandomResize
from mmseg.registry import TRANSFORMS

__all__ = ['RandomScale']


@TRANSFORMS.register_module()
class RandomScale(RandomResize):
    """Transform that resizes an image to a random multiple of its own size.

    ``RandomResize`` with the image's size as its ``scale``. With a fixed ``scale`` the
    factor depends on the image: for VOC's 500 x 375 pixels, ``scale=(2048, 512)`` and
    ``ratio_range=(0.5, 2.0)`` enlarge by 0.69 to 2.73, where the published systems
    enlarge by 0.5 to 2.0.

    Args:
        ratio_range: Bounds of the factor, which is uniform between them. Defaults to
            (0.5, 2.0).
        **kwargs: As for ``Resize``. ``keep_ratio`` is True.

    Raises:
        ValueError: The bounds are not two positive numbers in ascending order.

    Example:
        ``dict(type='RandomScale', ratio_range=(0.5, 2.0))``
    """

    def __init__(
        self, ratio_range: Sequence[float] = (0.5, 2.0), **kwargs: Any
    ) -> None:
        bounds = tuple(ratio_range)
        if len(bounds) != 2 or not 0 < bounds[0] <= bounds[1]:
            raise ValueError(
                f'ratio_range must be a smallest and a largest factor above 0, got '
                f'{ratio_range}'
            )
        super().__init__(scale=(1, 1), ratio_range=bounds, keep_ratio=True, **kwargs)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Resize ``img`` and all ``seg_fields``."""
        self.scale = results['img'].shape[1::-1]
        return super().transform(results)
