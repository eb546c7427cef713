"""Datasets of a training as they are read, with their files looked at."""

import os.path as osp
from collections.abc import Mapping
from itertools import chain
from typing import Any

from mmengine.registry import DATASETS
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS as WRAPPERS

from ...datasets.mask_check import count_values, reads_masks, resizes_masks
from ...datasets.size_check import check_pairs
from ...datasets.transforms.check_mask import turns_photos
from ...datasets.transforms.pipelines import transforms_of
from ...datasets.transforms.weak.loader import WeakAnnotationLoader
from ...datasets.wrappers.inner import build_inner

__all__ = ['check_sizes', 'read_plain', 'read_wrapped']


def read_wrapped(config: Mapping[str, Any]) -> BaseSegDataset:
    """Read a dataset for a wrapper of this package, which will check its masks."""
    dataset = build_inner(dict(config))
    try:
        _read_list(dataset)
    except ValueError:
        pass  # the wrapper says it better
    return dataset


def read_plain(config: Mapping[str, Any]) -> Any:
    """Read a dataset, and check its images and masks."""
    kind = WRAPPERS.get(config['type']) if isinstance(config['type'], str) else None
    if not (isinstance(kind, type) and issubclass(kind, BaseSegDataset)):
        return DATASETS.build(dict(config))
    dataset = DATASETS.build(dict(config, lazy_init=True))
    _read_list(dataset)
    if dataset.backend_args is None:
        for i in range(len(dataset)):
            _check_image(dataset, i)
        if reads_masks(dataset.pipeline):
            count_values(dataset, dataset.pipeline)
        check_sizes(dataset)
        _check_annotations(dataset)
    return dataset


def check_sizes(dataset: Any) -> None:
    """Check the sizes of the masks that a dataset, or each part of it, reads.

    Masks that are resized to their images as they are loaded (GTA5) may have any.
    """
    for part in getattr(dataset, 'datasets', [dataset]):
        inner = getattr(part, 'dataset', part)
        if not isinstance(inner, BaseSegDataset) or not reads_masks(inner.pipeline):
            continue
        if resizes_masks(inner.pipeline):
            continue
        infos = [part.get_data_info(i) for i in range(len(part))]
        pairs = [(info['img_path'], info['seg_map_path']) for info in infos]
        if inner.backend_args is None and all(
            map(osp.isfile, chain.from_iterable(pairs))
        ):
            check_pairs(pairs, turns_photos(inner.pipeline))


def _check_annotations(dataset: BaseSegDataset) -> None:
    """Check that no two images share points or scribbles."""
    for transform in transforms_of(dataset.pipeline):
        if isinstance(transform, WeakAnnotationLoader):
            for i in range(len(dataset)):
                transform.image_id(dataset.get_data_info(i)['img_path'])


def _read_list(dataset: BaseSegDataset) -> None:
    dataset.serialize_data = False  # for workers, and takes longest
    dataset.full_init()


def _check_image(dataset: BaseSegDataset, index: int) -> None:
    image = dataset.get_data_info(index)['img_path']
    if not osp.isfile(image):
        raise ValueError(
            f'{type(dataset).__name__}: {image} does not exist, image {index + 1} of '
            f'{dataset.ann_file or "its folder"}; correct the list, img_suffix or '
            'data_prefix'
        )
