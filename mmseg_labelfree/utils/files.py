"""Files that are whole or not there."""

import os
from pathlib import Path


def atomic_path(path: str | os.PathLike) -> Path:
    """A temporary name beside ``path`` to write to before ``os.replace``.

    It is hidden and holds the process id, so that concurrent writers do not meet.
    """
    path = Path(path)
    return path.with_name(f'.{path.name}.{os.getpid()}.tmp')


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write a text file through a temporary name; readers see old or new, whole."""
    temporary = atomic_path(path)
    try:
        temporary.write_text(text, encoding='utf-8')
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
