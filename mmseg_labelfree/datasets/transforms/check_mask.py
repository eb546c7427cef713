"""Check that a loaded mask belongs to the pixels of its photo."""

from functools import lru_cache
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform, LoadAnnotations, LoadImageFromFile
from mmseg.registry import TRANSFORMS
from PIL import Image

from .pipelines import edit_pipeline, transforms_of

__all__ = [
    'CheckMask',
    'check_mask',
    'check_orientation',
    'photo_orientation',
    'photo_size',
    'turns_photos',
    'with_check',
]

_ORIENTATION = 0x0112  # EXIF tag; 1 is upright, 5 to 8 exchange height and width


@TRANSFORMS.register_module()
class CheckMask(BaseTransform):
    """Transform that checks a loaded mask against its photo, and changes nothing.

    The mask must have one channel and the photo's size. A photo whose EXIF tag turns it
    without a change of size fits the mask of its stored pixels and that of its turned
    ones alike, so it is refused where the pipeline turns photos. The tag is read once
    per photo and process.

    Required keys: ``gt_seg_map``; ``ori_shape`` or ``img``; ``img_path`` and
    ``seg_map_path``.

    Args:
        turned: Whether the photo is turned as it is loaded, see :func:`turns_photos`.

    Raises:
        ValueError: Mask and photo do not fit, or nothing tells whether they do.

    Example:
        ``[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'),
        dict(type='CheckMask')]``
    """

    def __init__(self, turned: bool = True) -> None:
        self.turned = turned

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Check one sample."""
        size = photo_size(results)
        image, mask = results.get('img_path'), results.get('seg_map_path')
        if size is not None:
            check_mask(results['gt_seg_map'].shape, size, image, mask)
            if self.turned and image is not None:
                check_orientation(size, image, mask)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(turned={self.turned})'


def photo_size(results: dict[str, Any]) -> tuple[int, ...] | None:
    """Height and width of a loaded photo, before it was resized; None without one."""
    size = results.get('ori_shape')
    if size is None and results.get('img') is not None:
        size = results['img'].shape
    return None if size is None else tuple(size[:2])


def check_mask(
    shape: tuple[int, ...], size: tuple[int, ...], image: Any, mask: Any
) -> None:
    """Raise a ValueError unless a mask of this shape fits a photo (height, width)."""
    if len(shape) != 2:
        raise ValueError(
            f'mask {mask} was loaded with shape {shape}; a mask has one channel of '
            "class indices: convert colors, or set imdecode_backend='pillow' in "
            'LoadAnnotations, which reads palette images as indices'
        )
    if shape != size:
        raise ValueError(
            f'image {image} is {_by(size)} but its mask {mask} is {_by(shape)} '
            '(width x height); they must have one size.'
        )


def check_orientation(size: tuple[int, ...], image: str, mask: Any) -> None:
    """Raise a ValueError if a photo may have been turned away from its mask.

    Args:
        size: Height and width of the photo as it was loaded.
        image: Its file.
        mask: File of the mask.
    """
    orientation = photo_orientation(str(image))
    if orientation == 1 or (orientation > 4 and size[0] != size[1]):
        return
    raise ValueError(
        f'photo {image} is turned by its EXIF orientation {orientation}, and nothing '
        f'tells whether its mask {mask} is: save the photo turned and without the tag, '
        "or, if masks are of the stored pixels, set color_type='color_ignore_"
        "orientation' in LoadImageFromFile"
    )


@lru_cache(maxsize=2**17)
def photo_orientation(path: str) -> int:
    """EXIF orientation of a photo, 1 to 8; 1, upright, if it has none."""
    try:
        with Image.open(path) as image:
            # Pillow would decode the whole of such a file to find a tag at its end.
            if image.format in ('PNG', 'WEBP') and 'exif' not in image.info:
                return 1
            value = image.getexif().get(_ORIENTATION, 1)
    except (OSError, SyntaxError, ValueError):  # what loads it will say so
        return 1
    return value if value in range(1, 9) else 1


def turns_photos(pipeline: Any) -> bool:
    """Whether a built pipeline turns photos by their EXIF tags as it loads them."""
    loaders = [t for t in transforms_of(pipeline) if isinstance(t, LoadImageFromFile)]
    return any(
        t.color_type in ('color', 'grayscale')
        and t.imdecode_backend in ('cv2', 'pillow')
        for t in loaders
    )


def with_check(pipeline: Any) -> Any:
    """Copy a pipeline with a :class:`CheckMask` after each ``LoadAnnotations``."""
    check = CheckMask(turns_photos(pipeline))
    return edit_pipeline(
        pipeline, lambda t: [t, check] if isinstance(t, LoadAnnotations) else [t]
    )


def _by(shape: tuple[int, ...] | np.ndarray) -> str:
    return 'x'.join(str(side) for side in reversed(shape))
