"""Errors about images and masks that name the file."""

import os
import os.path as osp
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cv2
from mmengine.dataset import BaseDataset
from mmseg.datasets import BaseSegDataset
from PIL import Image

from ..utils.files import reading

__all__ = [
    'check_readable',
    'load_image',
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
    except Exception as error:
        info = dataset.get_data_info(idx)
        for key in ('img_path', 'seg_map_path'):
            if osp.isfile(path := info.get(key) or ''):
                check_readable(path, error)
        raise


def load_image(load: Callable[[dict], dict], path: str | os.PathLike) -> dict[str, Any]:
    """Load an image, or say why it cannot be loaded.

    Args:
        load: The transform that does it.
        path: The file.

    Returns:
        What the transform gives.

    Raises:
        ValueError: See :func:`check_readable`.
    """
    try:
        return load(dict(img_path=str(path)))
    except Exception as error:  # whatever a decoder raises
        check_readable(path, error)
        if not isinstance(error, AssertionError | cv2.error):
            raise
        raise ValueError(f'{path} is damaged (no image): replace it') from error


def check_readable(path: str | os.PathLike, failure: Exception | None = None) -> None:
    """Raise a ValueError that names an image or mask that cannot be read, and why.

    Args:
        path: The file. Pillow knows it if it is whole, or OpenCV, which reads values of
            32 and 64 bits.
        failure: What the pipeline has raised. MMCV's loader gives up such values by an
            ``AssertionError``.
    """
    values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if values is not None and values.dtype.itemsize > 2:
        if isinstance(failure, AssertionError):
            raise ValueError(
                f'{path} holds {values.dtype} values, and images have 8 or 16 bits: '
                "convert it, or give LoadImageFromFile color_type='unchanged' and "
                'data_preprocessor mean and std of these values'
            )
        return
    with reading(path, 'replace it'), Image.open(path) as image:
        image.load()
