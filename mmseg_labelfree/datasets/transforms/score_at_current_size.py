"""Metrics at the size after the test pipeline instead of the file's size."""

from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ScoreAtCurrentSize(BaseTransform):
    """Transform that declares the current size of an image its original one.

    MMSegmentation resizes predictions to ``ori_shape`` before they are compared with
    the label map. Protocols that score a crop, such as MiB's center crop of 512,
    transform the label map too and put this after the last change of size.

    Raises:
        ValueError: Image and label map differ in size at this point.

    Example:
        ``[..., dict(type='CenterCrop', crop_size=(512, 512)),
        dict(type='ScoreAtCurrentSize'), dict(type='PackSegInputs')]``
    """

    def transform(self, results: dict) -> dict:
        """Set ``ori_shape``."""
        shape = results['img'].shape[:2]
        labels = results.get('gt_seg_map')
        if labels is not None and labels.shape != shape:
            raise ValueError(
                f'{results.get("img_path")}: image {shape} and label map '
                f'{labels.shape} differ in size: load the annotations before the '
                'transforms that resize or crop'
            )
        results['ori_shape'] = shape
        return results
