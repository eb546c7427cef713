"""What the samples of a batch say of their images: their classes and their places."""

from collections.abc import Sequence

import numpy as np
import torch
from mmseg.utils import SampleList
from torch import Tensor

from ...ops.refined_labels import Box

__all__ = ['image_boxes', 'image_labels', 'inside_boxes']


def image_labels(data_samples: SampleList, num_classes: int) -> Tensor:
    """Classes of the images of a batch, bool ``(N, K)``, on the CPU.

    Args:
        data_samples: N samples with ``metainfo['image_labels']``, see
            :class:`~mmseg_labelfree.datasets.ImageLabelDataset`.
        num_classes: K, the model's classes without background.

    Raises:
        ValueError: A sample has none, or of another number of classes.
    """
    rows = [sample.metainfo.get('image_labels') for sample in data_samples]
    if any(row is None for row in rows):
        raise ValueError(
            'a sample has no image_labels: wrap the dataset into '
            "dict(type='ImageLabelDataset', labels=..., dataset=...)"
        )
    lengths = {len(row) for row in rows}
    if lengths != {num_classes}:
        raise ValueError(
            f'image_labels of {", ".join(map(str, sorted(lengths)))} classes, but the '
            f'model has {num_classes} besides background: set decode_head.num_classes '
            'and image_head.num_classes to those of the dataset'
        )
    return torch.from_numpy(np.stack(rows).astype(bool))


def image_boxes(data_samples: SampleList) -> list[Box]:
    """Place of each image in its padded input: top, bottom, left, right.

    Args:
        data_samples: With ``metainfo['box']`` of
            :class:`~mmseg_labelfree.datasets.transforms.RandomPlaceCrop`; for others
            the place is that of ``img_shape`` at the top left.
    """
    return [
        tuple(sample.metainfo.get('box') or _corner(sample.metainfo['img_shape']))
        for sample in data_samples
    ]


def inside_boxes(boxes: Sequence[Box], images: Tensor) -> Tensor:
    """Where images ``(N, C, H, W)`` show something, bool ``(N, H, W)``."""
    shape = (len(images), *images.shape[2:])
    inside = torch.zeros(shape, dtype=torch.bool, device=images.device)
    for mask, (top, bottom, left, right) in zip(inside, boxes, strict=True):
        mask[top:bottom, left:right] = True
    return inside


def _corner(shape: Sequence[int]) -> Box:
    return (0, shape[0], 0, shape[1])
