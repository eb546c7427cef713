"""Atomic writing of files, and names of images."""

import errno
import hashlib
import os
import re
import socket
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

HOST = socket.gethostname()
"""Name of this computer, in the names of temporary files and in locks."""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_TEMPORARY = re.compile(r'\..+\.(\d+)@(.+)\.tmp')


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Context that gives a temporary path, which becomes ``path`` at its end.

    Readers of ``path`` see the old file or the new one, whole. The temporary file lies
    beside it, is hidden and has process and host in its name, so that concurrent
    writers do not meet, and :func:`remove_leftovers` knows those of dead processes.
    After an error it is removed, and ``path`` stays as it was. The folder is made if
    need be.

    Raises:
        OSError: The disk is full; names ``path``.

    Example:
        ``with atomic_path('work_dirs/x/model.pth') as temporary:
        torch.save(weights, temporary)``
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}@{HOST}.tmp')
    try:
        with naming_full_disk(path):
            yield temporary
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def naming_full_disk(path: str | os.PathLike) -> Iterator[None]:
    """Context in which files are written, and ``path`` is named if the disk is full.

    Errors of other kinds are raised as they are.

    Args:
        path: What is lacking then, a file or a folder.

    Raises:
        OSError: The disk is full, the quota is used up, or the file is too large.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        text = f'{error.strerror}, nothing is lost: free some space and use --resume'
        raise OSError(error.errno, text, str(path)) from error


def remove_leftovers(folder: str | os.PathLike) -> None:
    """Remove the temporary files of dead processes of this host, in all of a folder.

    Those of a process that lives, or of another host, stay.
    """
    for path in Path(folder).rglob('.*.tmp'):
        match = _TEMPORARY.fullmatch(path.name)
        if match and match[2] == HOST and _is_gone(int(match[1])):
            path.unlink(missing_ok=True)


def _is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        pass  # it is another user's
    return False


@contextmanager
def reading(path: str | os.PathLike, remedy: str) -> Iterator[None]:
    """Context in which a file is read, and named if it is damaged.

    Args:
        path: The file.
        remedy: What to do about a damaged one.

    Raises:
        FileNotFoundError: There is no such file; unchanged.
        ValueError: It cannot be read.

    Example:
        ``with reading(path, 'delete it, and it is made again'):
        content = json.loads(path.read_text())``
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except (
        OSError,
        EOFError,
        LookupError,
        NameError,  # a config that ends in the middle of a word
        SyntaxError,
        TypeError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f'{path} is damaged ({reason}): {remedy}') from error


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write a text file (UTF-8) by :func:`atomic_path`."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding='utf-8')


def content_digest(*paths: str | os.PathLike) -> str:
    """Identify files by their content: the start of its SHA-256.

    Args:
        *paths: The files, which count in this order; one that is not there is empty.

    Example:
        >>> content_digest('nowhere.png')
        'e3b0c44298fc1c14'
    """
    digest = hashlib.sha256()
    for path in filter(os.path.isfile, paths):
        with open(path, 'rb') as stream:
            while block := stream.read(2**20):
                digest.update(block)
    return digest.hexdigest()[:16]


def write_arrays(path: str | os.PathLike, /, **arrays: Any) -> None:
    """Write arrays to a compressed ``.npz`` file by :func:`atomic_path`."""
    with atomic_path(path) as temporary, open(temporary, 'wb') as stream:
        np.savez_compressed(stream, **arrays)


def image_name(path: str | os.PathLike, folder: str | os.PathLike | None) -> str:
    """Return the name of an image: its path below the image folder, without ending.

    Args:
        path: File of the image.
        folder: The image folder; without one, the working directory.

    Example:
        >>> image_name('data/leftImg8bit/train/ulm/ulm_1.png', 'data/leftImg8bit/train')
        'ulm/ulm_1'
    """
    return os.path.splitext(os.path.relpath(path, folder or '.'))[0]
