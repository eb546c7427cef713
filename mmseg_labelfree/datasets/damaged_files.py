"""Errors about images and masks that name the file."""

import os
import os.path as osp
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmengine.dataset import BaseDataset
from mmseg.datasets import BaseSegDataset
from PIL import Image

from ..utils.files import reading

__all__ = [
    'check_readable',
    'name_damaged_files',
    'naming_damaged_files',
    'prepare_data',
]


def name_damaged_files() -> None:
    """Let all of MMSegmentation's datasets name an image or mask that is damaged.

    Its transforms decode bytes, and what Pillow and OpenCV say about an empty or a
    truncated file is without its name: ``cannot identify image file <_io.BytesIO>``.
    That an image of the 300,000 is broken is of use with its name alone. Samples, and
    errors of other kinds, stay what they are. Calling it again changes nothing.

    Example:
        >>> name_damaged_files()
        >>> BaseSegDataset.prepare_data is prepare_data
        True
    """
    BaseSegDataset.prepare_data = prepare_data


def prepare_data(dataset: BaseSegDataset, idx: int) -> Any:
    """Run the pipeline of a dataset; if it fails, look for a damaged image or mask.

    Args:
        dataset: The dataset, whose method this is.
        idx: Index of the image.

    Returns:
        What the pipeline gives: a sample, or None.

    Raises:
        ValueError: The image or its mask cannot be decoded; names it. Other errors of
            the pipeline are raised as they are.
    """
    with naming_damaged_files(dataset, idx):
        return BaseDataset.prepare_data(dataset, idx)


@contextmanager
def naming_damaged_files(dataset: BaseSegDataset, idx: int) -> Iterator[None]:
    """Look for a damaged image or mask if the pipeline fails in here.

    Args:
        dataset: The dataset.
        idx: Index of the image.

    Raises:
        ValueError: As for :func:`prepare_data`.
    """
    try:
        yield
    except Exception:
        info = dataset.get_data_info(idx)
        for key in ('img_path', 'seg_map_path'):
            if osp.isfile(path := info.get(key) or ''):
                check_readable(path)
        raise


def check_readable(path: str | os.PathLike) -> None:
    """Raise a ValueError that names an image or mask, if it is damaged."""
    with reading(path, 'replace it'), Image.open(path) as image:
        image.load()
