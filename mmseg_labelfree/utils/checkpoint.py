"""Reading of the checkpoints that earlier stages have written."""

import difflib
import json
import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import CheckpointLoader

from .checkpoint_compat import allow_checkpoint_classes
from .files import content_digest, reading
from .safe_loading import load_from_local

#: Name that stands for the best checkpoint in a work dir.
BEST = 'best_*.pth'

#: File in a stage's folder with the config that the stage runs as.
CONFIG = 'config.py'

#: File that is written last into a stage's folder; its metrics and how they came about.
MARKER = 'finished.json'

_BEST_NAME = r'best_.*_(?:iter|epoch)_(\d+)'


def resolve_checkpoint(path: str | os.PathLike) -> str:
    """Find the checkpoint file that ``path`` stands for.

    Args:
        path: A checkpoint file, or the ``work_dir`` of a training run: of a finished
            stage the checkpoint is meant whose metrics :data:`MARKER` holds, of others
            the last one; the one in this very folder, even if the folder was moved or
            copied since. Or ``<work_dir>/best_*.pth``, the checkpoint with the best
            validation (``save_best`` of the checkpoint hook).

    Returns:
        Path of an existing file (URLs, ``scheme://...``, are returned as they are).

    Raises:
        FileNotFoundError: No such file, or no checkpoint in the folder.
        ValueError: The marker is damaged.
    """
    if '://' in str(path):
        return str(path)
    path = Path(path)
    if path.is_file():
        return str(path)
    if path.name == BEST:
        return _best_checkpoint(path.parent)
    if found := _scored_checkpoint(path) or latest_checkpoint(path):
        return str(found)
    if path.suffix in ('.pth', '.pt'):
        names = {p.name: p for p in path.parent.glob(f'*{path.suffix}')}
        similar = difflib.get_close_matches(path.name, names, 1)
        advice = f'; did you mean {names[similar[0]]}?' if similar else ''
        raise FileNotFoundError(f'no checkpoint at {path}: correct the path{advice}')
    raise FileNotFoundError(
        f'no checkpoint at {path}: train it first (tools/train.py; what was stopped '
        'goes on with --resume), or correct the path'
    )


def check_finished(path: str | os.PathLike) -> None:
    """Raise if a path is the folder of a stage that is not finished.

    Args:
        path: A result of another run. Files and folders of others, and that of a run
            of several stages, are not looked at.

    Raises:
        FileNotFoundError: The stage is not finished.
    """
    folder = Path(path)
    has_stages = any(folder.glob(f'*/{CONFIG}'))
    begun = (folder / CONFIG).is_file() and not has_stages
    if begun and not (folder / MARKER).is_file():
        raise FileNotFoundError(
            f'the stage in {path} is not finished: end it first (tools/train.py with '
            '--resume), or name a file in it'
        )


def _scored_checkpoint(folder: Path) -> Path | None:
    """The checkpoint whose metrics a finished stage has, if it is still there."""
    marker = folder / MARKER
    if not marker.is_file():
        return None
    with reading(marker, '--resume makes it again'):
        name = json.loads(marker.read_text(encoding='utf-8')).get('checkpoint')
    return folder / name if name and (folder / name).is_file() else None


def _best_checkpoint(folder: Path) -> str:
    """The latest of the best checkpoints: an earlier one was about to be deleted."""
    found = _numbered(folder, _BEST_NAME)
    if not found:
        raise FileNotFoundError(
            f'no best checkpoint in {folder}: the stage was trained without save_best, '
            "or not at all; train it again in another --work-dir, or set hand_on='last'"
        )
    return str(max(found)[1])


def latest_checkpoint(folder: str | os.PathLike) -> Path | None:
    """The checkpoint that a run in ``folder`` goes on from; None if there is none.

    It is the one that ``last_checkpoint`` names: the one in this very folder, even if
    the folder was moved or copied since. Where that file is missing, damaged, or names
    a checkpoint that is gone, it is the newest ``iter_N.pth`` or ``epoch_N.pth``. A
    file elsewhere counts only if this folder has none at all (``out_dir`` of the
    checkpoint hook): that of a copy may belong to the original.
    """
    folder = Path(folder)
    pointer = folder / 'last_checkpoint'
    named = None
    if pointer.is_file():
        named = Path(os.fsdecode(pointer.read_bytes()).replace('\0', '').strip())
        if (folder / named.name).is_file():
            return folder / named.name
    numbered = _numbered(folder)
    if numbered:
        return max(numbered, key=lambda pair: pair[0])[1]
    return named if named and named.is_file() else None


def training_checkpoint(folder: str | os.PathLike) -> Path | None:
    """A checkpoint that a training has left in ``folder``; None if it has left none.

    The one that it goes on from, or else a best one, which may be there before that.
    """
    best = _numbered(Path(folder), _BEST_NAME)
    return latest_checkpoint(folder) or (max(best)[1] if best else None)


def _numbered(
    folder: Path, pattern: str = r'(?:iter|epoch)_(\d+)'
) -> list[tuple[int, Path]]:
    """Checkpoints of a training, with their iteration or epoch."""
    files = ((re.fullmatch(pattern, p.stem), p) for p in folder.glob('*.pth'))
    return [(int(match[1]), path) for match, path in files if match]


def resume_latest(cfg: Config) -> None:
    """Let a Runner go on from the last checkpoint in its work dir, if there is one.

    A seed that the config leaves to chance is the one that the training began with:
    MMEngine sets it after the samplers are made.

    Args:
        cfg: Gets ``resume``, ``load_from`` and ``randomness.seed``.

    Raises:
        ValueError: The checkpoint is damaged, see :func:`check_checkpoint`.
    """
    latest = latest_checkpoint(cfg.work_dir)
    cfg.resume = latest is not None
    if latest is None:
        return
    check_checkpoint(latest)
    cfg.load_from = str(latest)
    randomness = dict(cfg.get('randomness') or {})
    if randomness.get('seed') is None:
        meta = load_checkpoint(latest)[0].get('meta', {})
        cfg.randomness = dict(randomness, seed=meta.get('seed'))


def check_checkpoint(path: str | os.PathLike) -> None:
    """Verify the checksums of a checkpoint.

    A file of ``torch.save`` is a zip archive and carries a CRC-32 of each tensor, which
    ``torch.load`` does not look at. A file of torch's older format has none; it is
    loaded once.

    Args:
        path: A file; a URL, ``scheme://...``, is not looked at.

    Raises:
        ValueError: The file is damaged; names the checkpoint before.
    """
    if '://' in str(path):
        return
    problem = checkpoint_damage(path)
    if problem:
        raise ValueError(
            f'{path} is not a readable checkpoint ({problem}): put a whole copy in its '
            f'place{_onward(Path(path))}'
        )


def _onward(path: Path) -> str:
    """What --resume does without a checkpoint, if it is one of a training."""
    checkpoints = _numbered(path.parent)
    if path not in [file for _, file in checkpoints]:
        return ''
    others = [pair for pair in checkpoints if pair[1] != path]
    action = (
        f'goes on from {max(others)[1]}' if others else 'starts this training again'
    )
    return f', or delete it, after which --resume {action}'


def checkpoint_damage(path: str | os.PathLike) -> str | None:
    """Say what is wrong with a checkpoint file; None if it is whole.

    Args:
        path: The file, see :func:`check_checkpoint`.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                broken = archive.testzip()
            return broken and f'{broken} has another checksum'
        load_from_local(str(path), map_location='cpu')
    except Exception as error:  # random bytes end in any
        if 'is not a readable checkpoint' in str(error):
            return 'torch cannot read it'
        return str(error).partition('\n')[0] or type(error).__name__
    return None


def nonfinite_weights(state_dict: Mapping[str, Any]) -> list[str]:
    """Names of the tensors that hold a NaN or an infinite value.

    Example:
        >>> nonfinite_weights(dict(a=torch.zeros(2), b=torch.tensor([0.0, torch.nan])))
        ['b']
    """
    return [
        name
        for name, value in state_dict.items()
        if isinstance(value, torch.Tensor) and not value.isfinite().all()
    ]


def checkpoint_identity(path: str | os.PathLike) -> str:
    """Identify a checkpoint by its name and content, wherever it lies.

    Args:
        path: As in :func:`resolve_checkpoint`.

    Returns:
        The file name and the start of the content's SHA-256. A URL, or a path where no
        checkpoint is, is returned as it is.
    """
    try:
        filename = resolve_checkpoint(path)
    except FileNotFoundError:
        return str(path)
    if '://' in filename:
        return filename
    return f'{Path(filename).name} {content_digest(filename)}'


def load_checkpoint(path: str | os.PathLike) -> tuple[dict, str]:
    """Load a whole checkpoint on the CPU.

    Args:
        path: As in :func:`resolve_checkpoint`.

    Returns:
        The checkpoint (a bare ``state_dict`` is left as it is) and the file name.

    Raises:
        FileNotFoundError: See :func:`resolve_checkpoint`.
        ValueError: The file is no checkpoint, or damaged.
    """
    allow_checkpoint_classes()
    filename = resolve_checkpoint(path)
    check_checkpoint(filename)
    checkpoint = CheckpointLoader.load_checkpoint(filename, map_location='cpu')
    if not isinstance(checkpoint, dict):
        raise ValueError(f'{filename} is no checkpoint, but a {type(checkpoint)}')
    return checkpoint, filename


def load_weights(path: str | os.PathLike) -> tuple[dict, dict, str]:
    """Load a checkpoint's weights on the CPU.

    Args:
        path: As in :func:`resolve_checkpoint`.

    Returns:
        ``state_dict``, ``meta`` (empty for a bare ``state_dict``), and the file name.

    Raises:
        FileNotFoundError: See :func:`resolve_checkpoint`.
        ValueError: The file is no checkpoint.
    """
    checkpoint, filename = load_checkpoint(path)
    return plain_weights(checkpoint, filename), checkpoint.get('meta', {}), filename


def plain_weights(checkpoint: Mapping[str, Any], filename: str) -> dict[str, Any]:
    """Get the weights of a checkpoint by their names in a model.

    Args:
        checkpoint: What the file holds: ``state_dict`` among other things, or that
            alone. ``module.`` in front of names, from training in several processes, is
            taken off.
        filename: The file, for the message.

    Raises:
        ValueError: There are no weights.

    Example:
        >>> plain_weights({'module.bias': torch.zeros(1)}, 'x.pth')
        {'bias': tensor([0.])}
    """
    weights = checkpoint.get('state_dict', checkpoint)
    if not any(isinstance(value, torch.Tensor) for value in weights.values()):
        raise ValueError(
            f'{filename} holds no weights at its top or under state_dict, but '
            f'{list(weights)[:5]}: save the weights alone, for instance '
            "torch.save(torch.load(old)['model'], new)"
        )
    return {name.removeprefix('module.'): value for name, value in weights.items()}
