"""Check that masks have the sizes of their photos, once per pair of files."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from mmengine.dist import is_main_process
from PIL import Image

from ..utils.files import write_text
from ..utils.progress import tracked
from .class_index import cache_folder
from .transforms.check_mask import (
    check_mask,
    check_orientation,
    photo_orientation,
)

__all__ = ['Pair', 'check_pair', 'check_pairs']

Pair = tuple[str, str]


def check_pairs(pairs: Sequence[Pair], turned: bool, cache: bool = True) -> None:
    """Raise a ValueError for the first photo that its mask does not fit.

    Only the heads of the files are read. A list of pairs that was found to fit is
    noted in the cache folder, with sizes and times of all files; checking it again
    costs one ``stat`` per file.

    Args:
        pairs: Files of photos and masks.
        turned: Whether photos are turned by their EXIF tags as they are loaded.
        cache: Whether to read and write the note.
    """
    if not cache or not pairs:
        _check_all(pairs, turned)
        return
    key, state = _state(pairs, turned)
    note = cache_folder() / f'sizes_{key}.txt'
    if note.is_file() and note.read_text(encoding='utf-8') == state:
        return
    _check_all(pairs, turned)
    if is_main_process():
        try:
            write_text(note, state)
        except OSError:
            pass  # the class index has warned about the folder


def check_pair(image: str, mask: str, turned: bool) -> None:
    """Raise a ValueError unless a mask fits its photo; files that fail are left alone.

    Args:
        image: File of the photo.
        mask: File of the mask.
        turned: Whether photos are turned by their EXIF tags as they are loaded.
    """
    try:
        size, shape = _shape(image), _shape(mask)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return  # what loads it will name it
    if turned and photo_orientation(image) > 4:
        size = size[::-1]
    check_mask(shape, size, image, mask)
    if turned:
        check_orientation(size, image, mask)


def _check_all(pairs: Sequence[Pair], turned: bool) -> None:
    with ThreadPoolExecutor() as pool:
        work = pool.map(lambda pair: check_pair(pair[0], pair[1], turned), pairs)
        what = f'Comparing the sizes of {len(pairs)} images and masks'
        for _ in tracked(work, what, len(pairs)):
            pass


def _shape(file: str) -> tuple[int, ...]:
    with Image.open(file) as image:
        return image.size[::-1]


def _state(pairs: Sequence[Pair], turned: bool) -> tuple[str, str]:
    """Hash of the paths; hash of these, sizes and times."""
    files = [os.path.abspath(file) for pair in pairs for file in pair]
    content = hashlib.sha256(f'{turned}\n'.encode())
    for file in files:
        stat = os.stat(file)
        content.update(f'{file}\0{stat.st_size}\0{stat.st_mtime_ns}\n'.encode())
    key = hashlib.sha256('\n'.join(files).encode()).hexdigest()[:20]
    return key, content.hexdigest()
