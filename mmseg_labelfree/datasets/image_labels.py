"""Files that say which classes each image holds."""

import csv
import os
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..utils.files import reading

__all__ = ['read_image_labels']

REMEDY = 'correct the file, or name another one'


def read_image_labels(
    path: str | os.PathLike, classes: Sequence[str]
) -> dict[str, np.ndarray]:
    """Read the classes of images from a file.

    - ``.npy``: a pickled ``{image name: array of 0 and 1}``, as AFA and others publish
      it for VOC and COCO. Nothing that such a file may ask for is called.
    - ``.txt``: a line ``NAME 0 1 0 ...`` for each image, with a column for each class.
    - ``.csv``: a line ``NAME,class,class,...`` for each image, of names of classes.

    Args:
        path: The file.
        classes: Names of the classes, background not included, in the order of the
            columns.

    Returns:
        Bool ``(C,)`` by image name. A name may have an ending in the file; it has none
        here.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is damaged, has other columns than classes or values other than
            0 and 1, names an unknown class, or an image twice with other classes.

    Example:
        ``read_image_labels('data/VOCdevkit/VOC2012/ImageSets/cls_labels_onehot.npy',
        VOC_CLASSES)['2007_000032']``
    """
    path = Path(path)
    readers = {'.npy': _read_dictionary, '.txt': _read_columns, '.csv': _read_names}
    if path.suffix not in readers:
        raise ValueError(
            f'image labels {path} must be a .npy, .txt or .csv file; folders and masks '
            "are labels='folders' and labels='masks'"
        )
    if not path.is_file():
        raise FileNotFoundError(
            f'image labels {path} do not exist: data/README.md says where they come '
            "from, and labels='masks' takes those of the masks"
        )
    labels: dict[str, np.ndarray] = {}
    for written, row in readers[path.suffix](path, classes):
        name = _without_ending(written)
        if not np.array_equal(labels.setdefault(name, row), row):
            raise ValueError(
                f'{path} names image {name} twice, with other classes: give all '
                'classes of an image in one place'
            )
    return labels


def _without_ending(name: str) -> str:
    stem, ending = os.path.splitext(name)
    return stem if ending.lower() in ('.jpg', '.jpeg', '.png') else name


Rows = Iterator[tuple[str, np.ndarray]]


def _read_dictionary(path: Path, classes: Sequence[str]) -> Rows:
    with reading(path, REMEDY), path.open('rb') as stream:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):
            raise ValueError(f'version {version} of .npy')
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        if shape != () or not dtype.hasobject:
            raise ValueError(f'{dtype} of shape {shape} in place of a dictionary')
        content = _ArrayUnpickler(stream).load()
        content = content.item() if isinstance(content, np.ndarray) else content
        items = dict(content).items()
    return ((str(name), _row(path, name, row, classes)) for name, row in items)


def _read_columns(path: Path, classes: Sequence[str]) -> Rows:
    with reading(path, REMEDY):
        lines = path.read_text(encoding='utf-8-sig').splitlines()
    words = [line.split() for line in lines if line.strip()]
    return ((name, _row(path, name, row, classes)) for name, *row in words)


def _read_names(path: Path, classes: Sequence[str]) -> Rows:
    with reading(path, REMEDY), path.open(encoding='utf-8-sig', newline='') as stream:
        lines = [[word.strip() for word in line] for line in csv.reader(stream)]
    for name, *found in filter(any, lines):
        unknown = [word for word in found if word and word not in classes]
        if unknown:
            raise ValueError(
                f'{path}, image {name}: {unknown[0]!r} is no class of the dataset '
                f'({", ".join(classes)}): {REMEDY}'
            )
        yield name, np.array([c in found for c in classes])


def _row(path: Path, name: str, row: Any, classes: Sequence[str]) -> np.ndarray:
    """Labels of an image as bool ``(C,)``."""
    with reading(path, REMEDY):
        values = np.asarray(row, dtype=np.float64).ravel()
    if len(values) != len(classes):
        raise ValueError(
            f'{path}, image {name}: {len(values)} labels, but the dataset has '
            f'{len(classes)} classes besides background: {REMEDY}'
        )
    wrong = values[(values != 0) & (values != 1)]
    if len(wrong):
        raise ValueError(
            f'{path}, image {name}: {wrong[0]:g} is neither 0 nor 1: {REMEDY}'
        )
    return values == 1


class _ArrayUnpickler(pickle.Unpickler):
    """Reads arrays and plain values, and refuses all else."""

    def find_class(self, module: str, name: str) -> Any:
        # Their module moved with numpy 2.
        module = module.replace('numpy._core', 'numpy.core')
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        raise ValueError(f'it asks for {module}.{name}')


def _reconstruct() -> Any:
    """What numpy names in the pickle of an array."""
    return np.zeros(0).__reduce__()[0]


def _scalar() -> Any:
    """What numpy names in the pickle of a number."""
    return np.float64(0).__reduce__()[0]


_ALLOWED: dict[tuple[str, str], Any] = {
    ('numpy.core.multiarray', '_reconstruct'): _reconstruct(),
    ('numpy.core.multiarray', 'scalar'): _scalar(),
    ('numpy', 'ndarray'): np.ndarray,
    ('numpy', 'dtype'): np.dtype,
}
