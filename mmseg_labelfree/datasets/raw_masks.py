"""Datasets whose masks hold the ids of their source, not class indices."""

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import LoadAnnotations
from mmseg.datasets import BaseSegDataset

from .transforms.map_labels import insert_map_labels
from .transforms.pipelines import transforms_of

__all__ = ['check_raw_masks', 'map_raw_masks']


def check_raw_masks(seg_map_suffix: str, wanted: str) -> None:
    """Raise a ValueError if the masks are named as renumbered ones are.

    Args:
        seg_map_suffix: Ending of the mask files.
        wanted: Which masks the dataset takes, for the message.
    """
    if 'trainids' in seg_map_suffix.lower():
        raise ValueError(
            f'seg_map_suffix={seg_map_suffix!r} names masks with training ids, but '
            f'this dataset takes the original ids: {wanted}'
        )


def map_raw_masks(dataset: BaseSegDataset, table: Sequence[int]) -> None:
    """Let a dataset's pipeline map original ids to its classes.

    Custom classes (``metainfo``), which are a ``label_map`` of the dataset, become part
    of the mapping, and the dataset has no ``label_map`` of its own any more.

    Args:
        dataset: A built dataset that has not read its list yet. Its ``pipeline`` is
            replaced if it loads masks.
        table: Index of the class of each id, see
            :class:`~mmseg_labelfree.datasets.transforms.MapLabels`.
    """
    loaded = transforms_of(dataset.pipeline)
    if not any(isinstance(transform, LoadAnnotations) for transform in loaded):
        return
    ids = np.asarray(table)
    values = ids
    for old, new in (dataset.label_map or {}).items():
        values = np.where(ids == old, new, values)
    dataset.label_map = None
    dataset.pipeline = insert_map_labels(dataset.pipeline, values)
