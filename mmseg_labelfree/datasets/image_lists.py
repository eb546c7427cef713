"""Lists of images in the formats in which authors publish theirs."""

import os.path as osp
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from mmseg.datasets import BaseSegDataset

from ..utils.files import reading

__all__ = ['read_lists_of_authors']


def read_lists_of_authors(dataset: BaseSegDataset, with_images: bool = True) -> None:
    """Let a dataset read its ``ann_file`` in any of the formats that circulate.

    MMSegmentation takes each line for the name of an image below the image folder,
    without its ending, and looks for none of them. Here blank lines and byte-order
    marks are skipped; an image may be named with its ending, from the data root or from
    the image folder on; its mask may follow it. Each image must exist.

    Args:
        dataset: A dataset that has not read its list. Left as it is if it has no list,
            reads lists in its own way or by a file client (``backend_args``).
        with_images: False takes an image whose mask exists for there, too.

    Raises:
        FileNotFoundError: As the list is read, for a line whose image does not exist.
    """
    own_way = type(dataset).load_data_list is not BaseSegDataset.load_data_list
    if dataset.ann_file and not own_way and dataset.backend_args is None:
        dataset.load_data_list = partial(_load_listed, dataset, with_images)


def _load_listed(dataset: BaseSegDataset, with_images: bool) -> list[dict[str, Any]]:
    if osp.isdir(dataset.ann_file):
        return BaseSegDataset.load_data_list(dataset)
    if not osp.isfile(dataset.ann_file):
        raise FileNotFoundError(f'{dataset.ann_file} does not exist')
    with reading(dataset.ann_file, 'make the list again'):
        text = Path(dataset.ann_file).read_text(encoding='utf-8-sig')
    common = dict(
        label_map=dataset.label_map, reduce_zero_label=dataset.reduce_zero_label
    )
    return [
        dict(files, **common, seg_fields=[])
        for number, line in enumerate(text.split('\n'), 1)
        if line.strip()
        for files in [_files(dataset, line.strip(), number, with_images)]
    ]


def _files(
    dataset: BaseSegDataset, line: str, number: int, with_images: bool
) -> dict[str, str]:
    """Image and mask of a line."""
    first, *others = line.split()
    names = [line] if not others else [line, first]
    for name in names:
        for image in _image_files(dataset, name):
            if osp.isfile(image):
                mask = others[0] if others and name == first else None
                return dict(img_path=image, **_mask_file(dataset, image, mask))
    expected = next(_image_files(dataset, names[-1]))
    usual = dict(img_path=expected, **_mask_file(dataset, expected, None))
    if not with_images and osp.isfile(usual.get('seg_map_path', '')):
        return usual
    raise FileNotFoundError(
        f'{dataset.ann_file}, line {number}: {line!r} names no image; there is no '
        f'{expected}'
    )


def _image_files(dataset: BaseSegDataset, name: str) -> Iterator[str]:
    """Where the image of a name may be, the usual place first."""
    folder = dataset.data_prefix.get('img_path') or ''
    yield osp.join(folder, name + dataset.img_suffix)
    for root in (folder, dataset.data_root or ''):
        yield osp.join(root, name.lstrip('/'))
        yield osp.join(root, name.lstrip('/') + dataset.img_suffix)
    yield name


def _mask_file(dataset: BaseSegDataset, image: str, named: str | None) -> dict:
    """Path of the mask under its key: the one that the list names, or by its suffix."""
    folder = dataset.data_prefix.get('seg_map_path')
    if folder is None:
        return {}
    if named is not None:
        for root in (folder, dataset.data_root or ''):
            mask = osp.join(root, named.lstrip('/'))
            if osp.isfile(mask):
                return dict(seg_map_path=mask)
    name = osp.relpath(image, dataset.data_prefix.get('img_path') or '.')
    suffix = dataset.img_suffix
    name = name.removesuffix(suffix) if name.endswith(suffix) else osp.splitext(name)[0]
    return dict(seg_map_path=osp.join(folder, name + dataset.seg_map_suffix))
