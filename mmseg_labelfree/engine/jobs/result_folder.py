"""Folder of results with the settings that they were made with."""

import json
import os
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from ...utils.checkpoint import checkpoint_damage, checkpoint_identity
from ...utils.distributed import in_first_process
from ...utils.files import reading, write_text
from ...utils.settings import differing_settings, plain_settings

__all__ = ['REMEDY', 'ResultFolder']

REMEDY = 'delete it, and --resume makes it again'
"""What to do about a result that cannot be read."""


class ResultFolder:
    """Folder with a file for each result, which a stopped run continues.

    It is claimed for the settings that make the results, which are kept in its
    ``settings.json``: a job with others must not take them for its own. Results are
    written through a temporary name (``utils/files.py``), so that a file which is there
    is whole. All processes of a run make the object together.

    Args:
        folder: The folder.
        settings: All that the results depend on. A ``checkpoint`` in them, at any
            depth, counts by its name and content, not by its place.
        suffix: Ending of the results' files. ``.npz``, ``.png`` and ``.pth`` files are
            made again where they are damaged.

    Raises:
        ValueError: The folder holds results of other settings, which are named, or
            results without ``settings.json``.

    Example:
        ``labels = ResultFolder('work_dirs/x/labels', dict(views='mirror',
        checkpoint='work_dirs/x/spnet'))``; then ``labels.path('ulm/ulm_1')`` is
        ``work_dirs/x/labels/ulm/ulm_1.png`` and ``'ulm/ulm_1' in labels`` says whether
        it is there.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        settings: Mapping[str, Any],
        suffix: str = '.png',
    ) -> None:
        self.folder = Path(folder)
        self.suffix = suffix
        in_first_process(lambda: self._claim(plain_settings(settings)))

    def path(self, name: str) -> Path:
        """Return the file of a result, which may not exist yet."""
        return self.folder / f'{name}{self.suffix}'

    def __contains__(self, name: object) -> bool:
        """Whether a result is there, and whole; a damaged one is worth a warning."""
        path = self.path(str(name))
        if not path.is_file():
            return False
        try:
            with reading(path, 'it is made again'):
                _check_whole(path)
        except ValueError as error:
            warnings.warn(str(error), stacklevel=2)
            return False
        return True

    def _claim(self, settings: dict[str, Any]) -> None:
        settings = _identified(settings)
        note = self.folder / 'settings.json'
        if not any(self.folder.rglob(f'*{self.suffix}')):
            write_text(note, json.dumps(settings, indent=2) + '\n')
            return
        remedy = f'delete {self.folder}, or choose another folder'
        if not note.is_file():
            raise ValueError(
                f'{self.folder} holds *{self.suffix}, but no settings.json that says '
                f'what made them: {remedy}'
            )
        with reading(note, remedy):
            noted = dict(json.loads(note.read_text(encoding='utf-8')))
        differing = differing_settings(noted, settings)
        if differing:
            raise ValueError(
                f'{self.folder} holds results of other settings '
                f'({"; ".join(differing)}): {remedy}'
            )


def _check_whole(path: Path) -> None:
    """Raise one of the errors of :func:`reading` if a result is damaged."""
    if path.suffix == '.npz':
        with zipfile.ZipFile(path) as archive:
            if broken := archive.testzip():
                raise ValueError(f'{broken} has another checksum')
    elif path.suffix == '.png':
        with Image.open(path) as image:
            image.verify()
    elif path.suffix == '.pth' and (damage := checkpoint_damage(path)):
        raise ValueError(damage)


def _identified(value: Any) -> Any:
    """Nested settings with checkpoints by name and content."""
    if isinstance(value, list):
        return [_identified(v) for v in value]
    if not isinstance(value, dict):
        return value
    return {
        k: checkpoint_identity(v)
        if k == 'checkpoint' and isinstance(v, str)
        else _identified(v)
        for k, v in value.items()
    }
