"""Crop of a random share of the image's area, resized."""

from collections.abc import Sequence

import mmcv
import torch
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS
from torchvision.transforms import RandomResizedCrop

from ...utils.choices import check_range


@TRANSFORMS.register_module()
class RandomAreaCrop(BaseTransform):
    """Transform like torchvision's ``RandomResizedCrop``, for image and label map.

    MiB's code trains on such crops with areas of 0.5 to 2.0 of the image: where the
    drawn crop does not fit in ten tries, torchvision falls back to the largest center
    crop within the ratio bounds, so areas above 1 mean "as much as fits". The image
    is resized bilinearly, the label map by nearest neighbor. Nothing is padded.

    Args:
        size: Height and width of the result, in pixels.
        scale: Bounds of the crop's share of the image's area.
        ratio: Bounds of the crop's width / height.

    Example:
        ``dict(type='RandomAreaCrop', size=(512, 512), scale=(0.5, 2.0))``
    """

    def __init__(
        self,
        size: Sequence[int],
        scale: Sequence[float] = (0.5, 2.0),
        ratio: Sequence[float] = (3 / 4, 4 / 3),
    ) -> None:
        check_range(1, height=size[0], width=size[1])
        check_range(0, above=True, scale=scale[0], ratio=ratio[0])
        check_range(scale[0], scale=scale[1])
        check_range(ratio[0], ratio=ratio[1])
        self.size = tuple(size)
        self.scale = tuple(scale)
        self.ratio = tuple(ratio)

    def transform(self, results: dict) -> dict:
        """Crop and resize ``img`` and all ``seg_fields``."""
        image = results['img']
        # get_params only reads the size, from the last two dimensions.
        shape = torch.empty(1).expand(image.shape[:2])[None]
        top, left, height, width = RandomResizedCrop.get_params(
            shape, list(self.scale), list(self.ratio)
        )
        window = slice(top, top + height), slice(left, left + width)
        target = self.size[::-1]
        results['img'] = mmcv.imresize(image[window], target)
        results['img_shape'] = results['img'].shape[:2]
        for key in results.get('seg_fields', []):
            results[key] = mmcv.imresize(
                results[key][window], target, interpolation='nearest'
            )
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(size={self.size}, scale={self.scale}, '
            f'ratio={self.ratio})'
        )
