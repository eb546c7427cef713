"""Helpers of the wrappers: build the inner dataset, draw samples, explain errors."""

import copy
import os.path as osp
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from mmengine.registry import DefaultScope
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from ..damaged_files import naming_damaged_files
from ..image_lists import read_lists_of_authors
from ..samplers.seeded import seeded_draw

__all__ = ['build_inner', 'data_place', 'draw_sample', 'explain_missing']


def build_inner(
    dataset: BaseSegDataset | Mapping[str, Any], with_images: bool = True
) -> BaseSegDataset:
    """Build the dataset of a config, or copy one that is given.

    The copy is shallow, so that a wrapper may replace its ``pipeline``. A dataset that
    is built has not read its list yet, and reads it in the formats of
    :func:`~mmseg_labelfree.datasets.image_lists.read_lists_of_authors`.

    Args:
        dataset: The dataset or its config.
        with_images: See there.

    Raises:
        FileNotFoundError: If the files of the dataset are not there.
        ValueError: If it is not a ``BaseSegDataset``.
    """
    if isinstance(dataset, BaseSegDataset):
        return copy.copy(dataset)
    if not isinstance(dataset, Mapping):
        raise ValueError(
            'dataset must be a BaseSegDataset or its config, not '
            f'{type(dataset).__name__}.'
        )
    scope = None if DefaultScope.get_current_instance() else 'mmseg'
    config = copy.deepcopy(dict(dataset, lazy_init=True))
    with explain_missing(config), DefaultScope.overwrite_default_scope(scope):
        built = DATASETS.build(config)
    if not isinstance(built, BaseSegDataset):
        raise ValueError(
            f'dataset must be a BaseSegDataset, not {type(built).__name__}.'
        )
    read_lists_of_authors(built, with_images)
    return built


def data_place(dataset: BaseSegDataset) -> str:
    """Return the folder of the dataset, for messages."""
    return str(dataset.data_root or dataset.data_prefix.get('img_path'))


def draw_sample(
    dataset: BaseSegDataset, images: Sequence[int] | np.ndarray, idx: int
) -> dict[str, Any]:
    """Run the pipeline on one of a wrapper's images, with the index's own seed.

    If a training pipeline gives None, another image *of the wrapper* is drawn; the
    wrapped dataset would draw from all of its own.

    Args:
        dataset: The wrapped dataset.
        images: Index into it of each image of the wrapper.
        idx: Position in ``images``; a ``SeededIndex`` seeds the transforms, which find
            its ``rare_class``, if any, under that key.

    Raises:
        ValueError: The pipeline gave None again and again, or once in test mode; or
            the image or its mask is damaged.
    """
    rare_class = getattr(idx, 'rare_class', None)
    with seeded_draw(idx):
        position = int(idx)
        for _ in range(1 if dataset.test_mode else dataset.max_refetch + 1):
            sample = _prepare(dataset, int(images[position]), rare_class)
            if sample is not None:
                return sample
            position = np.random.randint(len(images))
    path = dataset.get_data_info(int(images[int(idx)]))['img_path']
    raise ValueError(
        f'the pipeline gave no sample for {path}; check the transforms that may '
        'return None.'
    )


def _prepare(
    dataset: BaseSegDataset, index: int, rare_class: int | None
) -> dict[str, Any] | None:
    """Run the pipeline, which may look for a class."""
    if rare_class is None:
        return dataset.prepare_data(index)
    info = dataset.get_data_info(index)
    with naming_damaged_files(dataset, index):
        return dataset.pipeline(dict(info, rare_class=rare_class))


@contextmanager
def explain_missing(source: BaseSegDataset | Mapping[str, Any]) -> Iterator[None]:
    """Turn an error about a missing folder or list of a dataset into advice.

    The check follows the error, because a dataset may make its files itself.

    Args:
        source: Dataset, or config of one, whose paths are checked.

    Raises:
        FileNotFoundError: If the body fails and a path of ``source`` is missing.
    """
    try:
        yield
    except (AssertionError, FileNotFoundError):
        if isinstance(source, Mapping):
            settings, root = source, source.get('data_root') or ''
        else:  # a dataset has joined its paths with data_root already
            settings, root = vars(source), ''
            if source.data_root and not osp.exists(source.data_root):
                root = source.data_root
        parts = settings.get('ann_file'), *(settings.get('data_prefix') or {}).values()
        paths = [root, *(osp.join(root, part) for part in parts if part)]
        missing = [path for path in paths if path and not osp.exists(path)]
        if not missing:
            raise
        if osp.basename(missing[0]) in ('labeled.txt', 'unlabeled.txt'):
            raise FileNotFoundError(
                f'{missing[0]} does not exist. tools/make_partition.py splits images '
                'into labeled and unlabeled ones; configs/u2pl/README.md has the '
                'commands'
            ) from None
        raise FileNotFoundError(
            f'{missing[0]} does not exist. Put the dataset there as data/README.md '
            'says, or set LABELFREE_DATA to the folder that holds your datasets. To '
            'try the method on generated data: '
            'python tools/train.py configs/mib/demo_voc_15-1.py'
        ) from None
