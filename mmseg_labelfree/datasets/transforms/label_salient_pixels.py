"""Salient pixels of the background as unknown objects."""

import os
from collections.abc import Mapping
from typing import Any

from mmcv.transforms import BaseTransform
from mmseg.registry import TASK_UTILS, TRANSFORMS

from ...ops.label_maps import UNLABELED
from ...utils.choices import check_range
from ...utils.files import image_name
from .pipelines import transforms_of

__all__ = ['LabelSalientPixels', 'check_saliency_maps']


@TRANSFORMS.register_module()
class LabelSalientPixels(BaseTransform):
    """Transform that gives salient pixels of the background the label 254.

    In a step of class-incremental learning they show objects of other steps, which SSUL
    (https://arxiv.org/abs/2106.11562) learns as an unknown class. It belongs behind
    ``LoadAnnotations`` and before what changes the image's size or colors: the mask
    that it sees has the step's classes, everything else is background (0), and 255
    stays.

    Required keys: ``img`` (uint8, BGR), ``img_path``, ``gt_seg_map`` (integers
    ``(H, W)``). Modified key: ``gt_seg_map``.

    Args:
        saliency: Config of a source of saliency maps, such as
            ``dict(type='SaliencyFolder', folder=...)``, see
            :class:`~mmseg_labelfree.engine.jobs.SaliencySource`.
        threshold: Share of 255, the most salient value, above which a pixel is
            salient, 0 to 1. Defaults to 0, the authors': any value above 0.
        image_folder: The dataset's image folder; None for images whose names are their
            file names.

    Raises:
        ValueError: The threshold is out of range.
        FileNotFoundError: While loading, for an image without a map.

    Example:
        ``dict(type='LabelSalientPixels', saliency=dict(type='SaliencyFolder',
        folder='data/voc_real/Saliency'))``
    """

    def __init__(
        self,
        saliency: Mapping[str, Any],
        threshold: float = 0.0,
        image_folder: str | os.PathLike | None = None,
    ) -> None:
        check_range(0, 1, threshold=threshold)
        self.source: Any = TASK_UTILS.build(saliency)
        self.saliency = saliency
        self.threshold = threshold
        self.image_folder = image_folder

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Label the salient background."""
        labels = results['gt_seg_map']
        name = self._image_id(results['img_path'])
        values = self.source.saliency(results['img'], name)
        salient = values > 255 * self.threshold
        labels = labels.copy()
        labels[(labels == 0) & salient] = UNLABELED
        results['gt_seg_map'] = labels
        return results

    def check(self, path: str) -> None:
        """Raise a FileNotFoundError if the image of this file has no map."""
        self.source.check(self._image_id(path))

    def _image_id(self, path: str) -> str:
        return image_name(path, self.image_folder or os.path.dirname(path))

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(saliency={self.saliency}, '
            f'threshold={self.threshold})'
        )


def check_saliency_maps(dataset: Any) -> None:
    """Check that the images whose pipeline asks for a saliency map have one.

    Args:
        dataset: A dataset, a wrapper around one, or several in ``datasets``.

    Raises:
        FileNotFoundError: An image has none.
    """
    for part in getattr(dataset, 'datasets', [dataset]):
        pipeline = getattr(getattr(part, 'dataset', part), 'pipeline', [])
        for transform in transforms_of(pipeline):
            if isinstance(transform, LabelSalientPixels):
                for i in range(len(part)):
                    transform.check(part.get_data_info(i)['img_path'])
