"""Image files below a folder, whatever their endings."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ['IMAGE_SUFFIXES', 'image_files']

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp', '.ppm')
"""Endings of image files, in small letters; files may have them in capitals."""


def image_files(
    folder: str | os.PathLike, suffixes: Sequence[str] = IMAGE_SUFFIXES
) -> list[str]:
    """List the images in a folder and the folders below it.

    Hidden files and folders (``.name``) do not count. Links to folders are followed,
    but not back to a folder that they lie in.

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
    files = (path.relative_to(root) for path in _files(root))
    return sorted(f.as_posix() for f in files if f.suffix.lower() in suffixes)


def _files(folder: Path, above: tuple[str, ...] = ()) -> Iterator[Path]:
    """Yield the files below a folder; ``above`` are those that it lies in."""
    real = os.path.realpath(folder)
    if real in above or not os.access(folder, os.R_OK | os.X_OK):
        return
    for path in folder.iterdir():
        if path.name.startswith('.'):
            continue
        if path.is_dir():
            yield from _files(path, (*above, real))
        elif path.is_file():
            yield path
