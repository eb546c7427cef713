"""How many pixels of each value every mask holds, counted once and kept on disk."""

import hashlib
import os
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from mmengine.dist import broadcast_object_list, get_rank, is_distributed
from PIL import Image, UnidentifiedImageError
from rich.console import Console
from rich.progress import track

from ..utils.files import write_arrays

__all__ = ['cache_folder', 'class_index']

FORMAT_VERSION = 1
CHUNK = 32
QUIET_BELOW = 1000  # no progress bar for fewer masks; they take about a second


class MaskReader(Protocol):
    """Reader of masks of another kind than 8-bit images of one channel."""

    def read(self, path: str | os.PathLike) -> np.ndarray:
        """Read the raw values of a mask, uint8 ``(H, W)``."""


def cache_folder() -> Path:
    """Return ``$LABELFREE_CACHE``, or ``~/.cache/mmseg_labelfree``."""
    folder = os.environ.get('LABELFREE_CACHE')
    return (
        Path(folder).expanduser()
        if folder
        else Path.home() / '.cache' / 'mmseg_labelfree'
    )


def class_index(
    seg_map_paths: Sequence[str | os.PathLike],
    cache: bool = True,
    workers: int | None = None,
    reader: MaskReader | None = None,
) -> np.ndarray:
    """Count the pixels of each raw value in each mask.

    The counts are kept in :func:`cache_folder`, in one small file per list of masks,
    with a fingerprint: paths relative to their common folder, sizes and modification
    times of all masks, and a format version. Checking it costs one ``stat`` per mask
    and reads none of them, so a mask that is rewritten with the same size and the same
    modification time goes unnoticed. A cache file that does not fit or is broken is
    replaced.

    Masks are read by threads. Pillow takes about a millisecond for a mask of 500x375,
    most of it in Python, and releases the interpreter lock while it inflates larger
    ones, so that those gain from more cores. Worker processes would each import
    MMSegmentation first, which takes about as long as counting all of VOC. In a
    distributed run, rank 0 counts and sends the result to the others, which needs no
    shared file system; an error is raised on all ranks.

    Args:
        seg_map_paths: Local mask files, grayscale or palette images of 8 bits unless
            ``reader`` says otherwise.
        cache: Whether to read and write the cache file.
        workers: Number of threads. Defaults to one per usable core, at most 16.
        reader: Reader of other masks, such as ``LoadSynthiaAnnotations``. Its class,
            or its ``cache_name`` if it has one, is part of the name of the cache file.
            Defaults to Pillow.

    Returns:
        uint32 array of shape ``(num_masks, 256)``; entry ``[i, v]`` is the number of
        pixels of mask ``i`` whose value in the file is ``v`` (palette index or gray
        level, before ``reduce_zero_label`` and ``label_map``).

    Raises:
        FileNotFoundError: If a mask does not exist.
        ValueError: If a mask cannot be read or is not an 8-bit one-channel image.
    """
    payload: list[Any] = [None]
    if get_rank() == 0:
        try:
            payload = [_load_or_count(list(seg_map_paths), cache, workers, reader)]
        except (OSError, ValueError) as error:
            if not is_distributed():
                raise
            payload = [error]
    broadcast_object_list(payload)
    if isinstance(payload[0], Exception):
        raise payload[0]
    return _dense(*payload[0])


def _load_or_count(
    paths: list, cache: bool, workers: int | None, reader: MaskReader | None
) -> tuple:
    if not cache or not paths:
        return _sparse(_count_all(paths, workers, reader))
    key, fingerprint = _fingerprint(paths, reader)
    file = cache_folder() / f'class_index_{key}.npz'
    sparse = _read(file, fingerprint, len(paths)) if file.exists() else None
    if sparse is None:
        sparse = _sparse(_count_all(paths, workers, reader))
        _write(file, fingerprint, sparse)
    return sparse


def _fingerprint(paths: list, reader: MaskReader | None) -> tuple[str, str]:
    """Hash of the absolute paths, and hash of relative paths, sizes and times."""
    absolute = [os.path.abspath(path) for path in paths]
    root = os.path.commonpath([os.path.dirname(path) for path in absolute])
    content = hashlib.sha256(f'version {FORMAT_VERSION}\n'.encode())
    for path in absolute:
        try:
            stat = os.stat(path)
        except FileNotFoundError:
            raise FileNotFoundError(_missing(path)) from None
        relative = path[len(root) :]
        content.update(f'{relative}\0{stat.st_size}\0{stat.st_mtime_ns}\n'.encode())
    name = (
        [] if reader is None else [getattr(reader, 'cache_name', type(reader).__name__)]
    )
    key = hashlib.sha256('\n'.join([*name, *absolute]).encode()).hexdigest()[:20]
    return key, content.hexdigest()


def _missing(path: str | os.PathLike) -> str:
    return f'mask {path} does not exist; check data_prefix, seg_map_suffix and ann_file'


def _count(path: str | os.PathLike) -> list[int]:
    """Pixel count of each of the 256 values of one mask."""
    try:
        with Image.open(path) as image:
            mode = image.mode
            if mode in ('P', 'L', '1'):
                counts = image.histogram()
    except FileNotFoundError:
        raise FileNotFoundError(_missing(path)) from None
    except Image.DecompressionBombError as error:
        raise ValueError(
            f'mask {path} is too large for Pillow ({error}): cut image and mask into '
            'tiles'
        ) from None
    except UnidentifiedImageError:
        raise ValueError(f'mask {path} is not an image file; replace it.') from None
    except (OSError, SyntaxError, EOFError, ValueError) as error:
        raise ValueError(f'mask {path} cannot be read ({error}); replace it.') from None
    if mode not in ('P', 'L', '1'):
        raise ValueError(
            f'mask {path} has image mode {mode}; a mask has one 8-bit channel of class '
            'indices (mode P or L). Convert color masks to class indices first.'
        )
    if mode == '1':  # Pillow counts bits as 0 and 255; as an array they are 0 and 1
        counts[1], counts[255] = counts[255], 0
    return counts


def _count_read(path: str | os.PathLike, reader: MaskReader) -> np.ndarray:
    try:
        return np.bincount(reader.read(path).ravel(), minlength=256)
    except FileNotFoundError:
        raise FileNotFoundError(_missing(path)) from None


def _count_chunk(paths: list, reader: MaskReader | None) -> np.ndarray:
    counts = [_count_read(path, reader) if reader else _count(path) for path in paths]
    return np.array(counts, np.uint32)


def _usable_cores() -> int:
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _count_all(
    paths: list, workers: int | None, reader: MaskReader | None
) -> np.ndarray:
    if not paths:
        return np.zeros((0, 256), np.uint32)
    if workers is None:
        workers = min(_usable_cores(), 16)
    chunks = [paths[i : i + CHUNK] for i in range(0, len(paths), CHUNK)]
    with ThreadPoolExecutor(workers) as pool:
        counts = track(
            pool.map(partial(_count_chunk, reader=reader), chunks),
            description=f'Counting the classes of {len(paths)} masks',
            total=len(chunks),
            console=Console(stderr=True),
            transient=True,
            disable=len(paths) < QUIET_BELOW,
        )
        return np.concatenate(list(counts))


def _sparse(counts: np.ndarray) -> tuple:
    mask, value = np.nonzero(counts)
    return (
        len(counts),
        mask.astype(np.uint32),
        value.astype(np.uint8),
        counts[mask, value],
    )


def _dense(
    size: int, mask: np.ndarray, value: np.ndarray, count: np.ndarray
) -> np.ndarray:
    counts = np.zeros((size, 256), np.uint32)
    counts[mask, value] = count
    return counts


def _read(file: Path, fingerprint: str, size: int) -> tuple | None:
    """Contents of a cache file, or None with a warning if it is of no use."""
    try:
        with np.load(file, allow_pickle=False) as data:
            found = str(data['fingerprint'])
            entries = data['mask'], data['value'], data['count']
        if found != fingerprint:
            problem = 'is out of date'
        elif (
            len({len(e) for e in entries}) != 1
            or [e.dtype for e in entries] != [np.uint32, np.uint8, np.uint32]
            or entries[0].max(initial=0) >= size
        ):
            problem = 'is broken'
        else:
            return size, *entries
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        problem = 'is broken'
    warnings.warn(f'class index {file} {problem}; counting again.', stacklevel=5)
    return None


def _write(file: Path, fingerprint: str, sparse: tuple) -> None:
    _, mask, value, count = sparse
    try:
        write_arrays(file, fingerprint=fingerprint, mask=mask, value=value, count=count)
    except OSError as error:
        warnings.warn(
            f'class index {file} cannot be written ({error}); masks will be counted '
            'again next time. Set LABELFREE_CACHE to a writable folder.',
            stacklevel=5,
        )
