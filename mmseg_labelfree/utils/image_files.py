"""Image files below a folder, whatever their endings."""

import os
from collections.abc import Sequence
from pathlib import Path

__all__ = ['IMAGE_SUFFIXES', 'image_files']

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp', '.ppm')
"""Endings of image files, in small letters; files may have them in capitals."""


def image_files(
    folder: str | os.PathLike, suffixes: Sequence[str] = IMAGE_SUFFIXES
) -> list[str]:
    """List the images in a folder and the folders below it.

    Hidden files and folders (``.name``) do not count.

    Args:
        folder: An existing folder.
        suffixes: Endings of the files, in small letters. Defaults to those of images.

    Returns:
        Paths below the folder, with ``/`` between their parts, in alphabetical order.

    Raises:
        FileNotFoundError: There is no such folder.

    Example:
        ``image_files('data/own/images')  # ['monday/a.jpg', 'monday/b.PNG', ...]``
    """
    root = Path(folder)
    if not root.is_dir():
        raise FileNotFoundError(f'{root} is no folder of images')
    names = [
        path.relative_to(root)
        for path in root.rglob('*')
        if path.suffix.lower() in suffixes and path.is_file()
    ]
    shown = [n for n in names if not any(part.startswith('.') for part in n.parts)]
    return sorted(name.as_posix() for name in shown)
