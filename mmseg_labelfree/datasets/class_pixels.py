"""How many pixels of each class the masks of a dataset hold."""

import numpy as np
from mmcv.transforms import LoadAnnotations
from mmseg.datasets import BaseSegDataset

from ..ops.label_maps import IGNORE, loaded_labels
from .class_index import class_index
from .transforms.load_foreign_annotations import ForeignAnnotationLoader
from .transforms.map_labels import MapLabels

__all__ = ['class_pixels']


def class_pixels(dataset: BaseSegDataset) -> np.ndarray:
    """Count the pixels of each class in each mask of a dataset.

    Masks are counted once, see
    :func:`~mmseg_labelfree.datasets.class_index.class_index`, and labels are those that
    the dataset's pipeline loads: after ``reduce_zero_label``, ``label_map``, loaders of
    other encodings and ``MapLabels``.

    Args:
        dataset: A dataset whose pipeline loads masks.

    Returns:
        int64 ``(num_images, num_classes)``; ignored pixels are not counted.

    Raises:
        ValueError: The pipeline loads no masks, or a mask holds a value that is no
            class and not ignored.

    Example:
        ``rarest = class_pixels(dataset).sum(0).argmin()``
    """
    loaders = [t for t in dataset.pipeline.transforms if isinstance(t, LoadAnnotations)]
    if not loaders:
        raise ValueError(
            f'the pipeline of {type(dataset).__name__} has no LoadAnnotations, so its '
            'classes cannot be counted; add it'
        )
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    paths = [info['seg_map_path'] for info in infos]
    foreign = isinstance(loaders[0], ForeignAnnotationLoader)
    counts = class_index(paths, reader=loaders[0] if foreign else None)
    labels = _labels(dataset, loaders[0])
    classes = len(dataset.metainfo['classes'])
    _check_values(counts, labels, classes, paths)
    return (counts.astype(float) @ (labels[:, None] == range(classes))).astype(np.int64)


def _labels(dataset: BaseSegDataset, loader: LoadAnnotations) -> np.ndarray:
    """Label of each raw value in the dataset's samples, int16 ``(256,)``."""
    if isinstance(loader, ForeignAnnotationLoader):
        labels = loader.labels(dataset.label_map)
    else:
        labels = loaded_labels(dataset.reduce_zero_label, dataset.label_map)
    for transform in dataset.pipeline.transforms:
        if isinstance(transform, MapLabels):
            labels = transform.table[labels]
    return labels


def _check_values(
    counts: np.ndarray, labels: np.ndarray, classes: int, paths: list[str]
) -> None:
    wrong = (labels != IGNORE) & ((labels < 0) | (labels >= classes))
    masks = counts[:, wrong].any(1)
    if masks.any():
        first = int(masks.argmax())
        values = np.flatnonzero(wrong & (counts[first] > 0)).tolist()
        raise ValueError(
            f'mask {paths[first]} holds the values {values}, which are no class of '
            f'its dataset ({int(masks.sum())} masks have such values); repair them, or '
            'check reduce_zero_label and seg_map_path'
        )
