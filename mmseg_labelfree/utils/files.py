"""Files that are whole or not there, and the names of images."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Context that gives a temporary path, which becomes ``path`` at its end.

    Readers of ``path`` see the old file or the new one, whole. The temporary file lies
    beside it, is hidden and has the process id in its name, so that concurrent writers
    do not meet; after an error it is removed, and ``path`` stays as it was. The folder
    is made if need be.

    Example:
        ``with atomic_path('work_dirs/x/model.pth') as temporary:
        torch.save(weights, temporary)``
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write a text file (UTF-8) by :func:`atomic_path`."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding='utf-8')


def write_arrays(path: str | os.PathLike, /, **arrays: Any) -> None:
    """Write arrays to a compressed ``.npz`` file by :func:`atomic_path`."""
    with atomic_path(path) as temporary, open(temporary, 'wb') as stream:
        np.savez_compressed(stream, **arrays)


def image_name(path: str | os.PathLike, folder: str | os.PathLike | None) -> str:
    """Name of an image: its path below the image folder, without ending.

    Args:
        path: File of the image.
        folder: The image folder; without one, the working directory.

    Example:
        >>> image_name('data/leftImg8bit/train/ulm/ulm_1.png', 'data/leftImg8bit/train')
        'ulm/ulm_1'
    """
    return os.path.splitext(os.path.relpath(path, folder or '.'))[0]
