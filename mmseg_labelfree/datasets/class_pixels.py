"""How many pixels of each class the masks of a dataset hold."""

from typing import Any

import numpy as np
from mmseg.datasets import BaseSegDataset

from .mask_check import count_values, reads_masks

__all__ = ['class_pixels']


def class_pixels(dataset: BaseSegDataset, pipeline: Any = None) -> np.ndarray:
    """Count the pixels of each class in each mask of a dataset.

    Masks are counted once, see
    :func:`~mmseg_labelfree.datasets.class_index.class_index`, and labels are those that
    the dataset's pipeline loads: after ``reduce_zero_label``, ``label_map``, loaders of
    other encodings and ``MapLabels``.

    Args:
        dataset: A dataset that has read its list of images.
        pipeline: Its own pipeline, before a wrapper maps the labels. Defaults to
            ``dataset.pipeline``.

    Returns:
        int64 ``(num_images, num_classes)``; ignored pixels are not counted.

    Raises:
        FileNotFoundError: A mask does not exist.
        ValueError: The pipeline loads no masks, or a mask holds a value that is no
            class and not ignored.

    Example:
        ``rarest = class_pixels(dataset).sum(0).argmin()``
    """
    pipeline = dataset.pipeline if pipeline is None else pipeline
    if not reads_masks(pipeline):
        raise ValueError(
            f'the pipeline of {type(dataset).__name__} has no LoadAnnotations, so its '
            'classes cannot be counted; add it'
        )
    counts, labels = count_values(dataset, pipeline)
    is_class = labels[:, None] == np.arange(len(dataset.metainfo['classes']))
    return (counts.astype(float) @ is_class).astype(np.int64)
