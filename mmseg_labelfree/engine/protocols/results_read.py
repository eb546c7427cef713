"""Which results of other stages a stage reads.

A config names them by their place alone, and what lies there may change: the base model
of another run is trained again, or a stage is deleted and comes back with other
settings. So the config that a run writes into a stage's folder also says which results
it found there.
"""

import hashlib
import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config

from ...utils.checkpoint import MARKER, resolve_checkpoint
from .base import Stage
from .config_edit import find_texts

__all__ = [
    'NOTE',
    'built_on',
    'results_read',
    'stage_folder',
    'tensors_identity',
    'with_note',
]

#: Key in the config of a stage's folder, identity of a result by its stage.
NOTE = 'builds_on'


def with_note(cfg: Config) -> Config:
    """A copy of the config of a stage that says which results it reads now."""
    content = {key: value for key, value in cfg.to_dict().items() if key != NOTE}
    read = results_read(cfg)
    return Config(content | ({NOTE: read} if read else {}))


def results_read(cfg: Config) -> dict[str, str]:
    """Identify the results of finished stages that a stage reads.

    Args:
        cfg: Config of the stage.

    Returns:
        Of each stage, by the name of its folder, the checkpoint that it hands on, see
        :func:`tensors_identity`, or the metrics of a job. What cannot be read is left
        out: whatever needs it will say so.
    """
    paths = (Path(text) for text in find_texts(cfg.to_dict()))
    folders = {stage_folder(p) for p in paths if not p.is_relative_to(cfg.work_dir)}
    found = {f.name: _identity(f) for f in folders if f is not None}
    return {name: what for name, what in sorted(found.items()) if what is not None}


def stage_folder(path: Path) -> Path | None:
    """Folder of the finished stage that a path is or lies in; None if it is in none."""
    around = (p for p in (path, *path.parents) if p.name)
    return next((p for p in around if os.path.isfile(p / MARKER)), None)


def built_on(stage: Stage, stages: Sequence[Stage]) -> list[Stage]:
    """Which stages read results of a stage, or of such a stage.

    Args:
        stage: One of them.
        stages: All, in the order in which they run.
    """
    found = [stage]
    for later in stages:
        if later not in found and any(_reads(later, s) for s in found):
            found.append(later)
    return found[1:]


def tensors_identity(path: str | os.PathLike) -> str | None:
    """Identify a checkpoint by its name and tensors, of which it has checksums.

    A training that comes to the same tensors once more gives the same, which the whole
    content, with the time of day in it, does not (``checkpoint_identity``). Only the
    table of contents is read, in no time.

    Args:
        path: A file of ``torch.save``.

    Returns:
        The file name and a digest; None if the file has no such table: it is damaged,
        or in torch's older format.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except zipfile.BadZipFile:
        return None
    sums = sorted((p.filename.partition('/')[2], p.file_size, p.CRC) for p in parts)
    text = repr([part for part in sums if part[0].startswith('data/')])
    return f'{Path(path).name} {hashlib.sha256(text.encode()).hexdigest()[:16]}'


def _reads(later: Stage, stage: Stage) -> bool:
    folder = stage.cfg.work_dir
    return any(Path(t).is_relative_to(folder) for t in find_texts(later.cfg.to_dict()))


def _identity(folder: Path) -> str | None:
    """Identity of what a finished stage hands on; None if that is damaged."""
    try:
        return tensors_identity(resolve_checkpoint(folder))
    except FileNotFoundError:  # a job
        content = json.loads((folder / MARKER).read_text(encoding='utf-8'))
        return json.dumps(content.get('metrics'))
    except ValueError:
        return None
