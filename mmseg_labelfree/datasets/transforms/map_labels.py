"""Labels of a loaded mask, mapped through a table."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform, LoadAnnotations
from mmseg.registry import TRANSFORMS

from ...ops.label_maps import INVALID, apply_table
from .check_mask import check_mask, photo_size
from .pipelines import edit_pipeline, transforms_of

__all__ = ['MapLabels', 'insert_map_labels']


@TRANSFORMS.register_module()
class MapLabels(BaseTransform):
    """Transform that replaces every label by its entry in a table of 256 values.

    It belongs right after ``LoadAnnotations``: the labels it sees are those after
    ``reduce_zero_label`` and ``label_map``, and the padding (255) that later
    transforms add is not mapped. It also checks that image and mask have one size,
    by ``ori_shape``, because test pipelines load the mask after the image was resized.

    Required keys: ``gt_seg_map`` (integer array ``(H, W)``); ``ori_shape`` or ``img``
    for the size check; ``seg_map_path`` and ``img_path`` for messages.

    Modified keys: ``gt_seg_map`` (uint8, same shape); ``reduce_zero_label`` and
    ``label_map`` become False and None where present, since the new labels are final
    and must not be shifted back, for instance by ``IoUMetric(format_only=True)``.

    Args:
        table: 256 integers: the new label of each label, 0 to 255, or -1 for a label
            that must not occur in a mask.

    Raises:
        ValueError: For a mask with such a label, or of another size than its image.

    Example:
        ``dict(type='MapLabels', table=[0, 1] + [-1] * 253 + [255])``
    """

    def __init__(self, table: Sequence[int] | np.ndarray) -> None:
        values = np.asarray(table)
        if values.shape != (256,) or values.dtype.kind not in 'iu':
            raise ValueError(
                'MapLabels: table must be 256 integers, but it has shape '
                f'{values.shape} and type {values.dtype}.'
            )
        if values.min() < INVALID or values.max() > 255:
            raise ValueError(
                'MapLabels: table entries are 0 to 255, or -1 for a label that must '
                f'not occur; got {values.min()} to {values.max()}.'
            )
        self.table = values.astype(np.int16)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Check the size of the mask and map its labels."""
        labels = results['gt_seg_map']
        self._check_size(results, labels)
        try:
            results['gt_seg_map'] = apply_table(labels, self.table)
        except ValueError as error:
            raise ValueError(
                f'{results.get("seg_map_path", "the mask")}: {error}. Repair the mask, '
                'or correct the classes, label_map or reduce_zero_label of its data '
                'set.'
            ) from None
        if 'reduce_zero_label' in results:
            results['reduce_zero_label'] = False
        if 'label_map' in results:
            results['label_map'] = None
        return results

    @staticmethod
    def _check_size(results: dict[str, Any], labels: np.ndarray) -> None:
        size = photo_size(results)
        if size is not None:
            files = results.get('img_path'), results.get('seg_map_path')
            check_mask(labels.shape, size, *files)

    def then(self, table: Sequence[int] | np.ndarray) -> 'MapLabels':
        """Transform that does this mapping and then that of another table."""
        after = np.asarray(table)[self.table]
        return MapLabels(np.where(self.table == INVALID, INVALID, after))

    def __repr__(self) -> str:
        kept = {i: int(v) for i, v in enumerate(self.table) if v > 0}
        return f'{type(self).__name__}(nonzero={kept})'


def insert_map_labels(pipeline: Any, table: Sequence[int] | np.ndarray) -> Any:
    """Copy a built pipeline with a :class:`MapLabels` after each ``LoadAnnotations``.

    Where the pipeline maps labels already, as that of ``Cityscapes27Dataset`` does, the
    table follows that mapping. Nested lists of transforms (``Compose``,
    ``RandomChoice``, ``TestTimeAug``) are searched too. The given pipeline is left as
    it was.

    Args:
        pipeline: ``mmengine.dataset.Compose`` or another built transform.
        table: Table for :class:`MapLabels`.

    Returns:
        The new pipeline; transforms that did not change are shared with the old one.

    Raises:
        ValueError: If there is no ``LoadAnnotations`` in the pipeline.
    """
    mapper = MapLabels(table)
    transforms = transforms_of(pipeline)
    if not any(isinstance(t, LoadAnnotations) for t in transforms):
        raise ValueError(
            'the pipeline of the dataset has no LoadAnnotations, so its labels '
            "cannot be mapped; add dict(type='LoadAnnotations') to it."
        )
    mapped = any(type(t) is MapLabels for t in transforms)

    def edit(transform: Any) -> list:
        if type(transform) is MapLabels:
            return [transform.then(table)]
        if isinstance(transform, LoadAnnotations) and not mapped:
            return [transform, mapper]
        return [transform]

    return edit_pipeline(pipeline, edit)
