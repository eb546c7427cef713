"""Constant label maps for images that have none."""

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform, LoadAnnotations, LoadImageFromFile

from .check_mask import CheckMask
from .map_labels import MapLabels
from .pipelines import edit_pipeline
from .weak.loader import WeakAnnotationLoader

__all__ = ['FillLabels', 'without_annotations']


class FillLabels(BaseTransform):
    """Transform that gives an image a constant label map, without reading a file.

    Crops, flips and paddings that expect a label map then work on unlabeled images
    as they do on labeled ones. The path of the mask, if any, is taken away, so that
    no later transform can read it.

    Args:
        value: Label of every pixel, 0 to 255. With 255 the pixels cannot be told
            from padding; :class:`~mmseg_labelfree.datasets.SourceDataset` fills in
            another value for that reason and turns it into 255 at the end.

    Example:
        >>> image = np.zeros((1, 2, 3), np.uint8)
        >>> FillLabels(254)(dict(img=image))['gt_seg_map'].tolist()
        [[254, 254]]
    """

    def __init__(self, value: int = 255) -> None:
        if not 0 <= value <= 255:
            raise ValueError(f'FillLabels: value={value} is no label of 0 to 255')
        self.value = value

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add ``gt_seg_map`` (uint8, ``(H, W)``) and enter it in ``seg_fields``."""
        results.pop('seg_map_path', None)
        shape = results['img'].shape[:2]
        results['gt_seg_map'] = np.full(shape, self.value, np.uint8)
        fields = results.setdefault('seg_fields', [])
        if 'gt_seg_map' not in fields:
            fields.append('gt_seg_map')
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(value={self.value})'


def without_annotations(pipeline: Any, value: int = 255) -> Any:
    """Copy a built pipeline, with constant labels instead of those from files.

    Every loader of masks, points and scribbles is left out, and so is what checks or
    maps a mask; a :class:`FillLabels` follows each ``LoadImageFromFile``.

    Args:
        pipeline: ``mmengine.dataset.Compose``.
        value: Label of every pixel.

    Raises:
        ValueError: The pipeline has no ``LoadImageFromFile``.
    """
    found = 0
    of_masks = LoadAnnotations | WeakAnnotationLoader | CheckMask | MapLabels

    def edit(transform: Any) -> list:
        nonlocal found
        if isinstance(transform, of_masks):
            return []
        if isinstance(transform, LoadImageFromFile):
            found += 1
            return [transform, FillLabels(value)]
        return [transform]

    pipeline = edit_pipeline(pipeline, edit)
    if not found:
        raise ValueError(
            'the pipeline of an unlabeled dataset needs a LoadImageFromFile, after '
            'which its empty label map is made'
        )
    return pipeline
