"""Reading the checkpoint that an earlier stage left."""

import hashlib
import os
from pathlib import Path

from mmengine.runner import CheckpointLoader

from .checkpoint_compat import allow_checkpoint_classes


def resolve_checkpoint(path: str | os.PathLike) -> str:
    """The checkpoint file that ``path`` stands for.

    Args:
        path: A checkpoint file, or the ``work_dir`` of a training run, whose last
            checkpoint is meant: the one in this very folder, even if the folder was
            moved or copied since.

    Returns:
        Path of an existing file (URLs, ``scheme://...``, are returned as they are).

    Raises:
        FileNotFoundError: No such file, or no checkpoint in the folder.
    """
    if '://' in str(path):
        return str(path)
    path = Path(path)
    if path.is_file():
        return str(path)
    pointer = path / 'last_checkpoint'
    if pointer.is_file():
        named = Path(pointer.read_text(encoding='utf-8').strip())
        for candidate in (path / named.name, named):
            if candidate.is_file():
                return str(candidate)
    raise FileNotFoundError(
        f'no checkpoint at {path}: train the earlier stage first (tools/train.py with '
        '--stage, or the whole protocol with --resume), or correct the path'
    )


def checkpoint_identity(path: str | os.PathLike) -> str:
    """What tells a checkpoint from others, wherever it lies: its name and content.

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
    digest = hashlib.sha256()
    with open(filename, 'rb') as stream:
        while block := stream.read(2**20):
            digest.update(block)
    return f'{Path(filename).name} {digest.hexdigest()[:16]}'


def load_checkpoint(path: str | os.PathLike) -> tuple[dict, str]:
    """Load a whole checkpoint on the CPU.

    Args:
        path: As in :func:`resolve_checkpoint`.

    Returns:
        The checkpoint (a bare ``state_dict`` is left as it is) and the file name.

    Raises:
        FileNotFoundError: See :func:`resolve_checkpoint`.
        ValueError: The file is no checkpoint.
    """
    allow_checkpoint_classes()
    filename = resolve_checkpoint(path)
    try:
        checkpoint = CheckpointLoader.load_checkpoint(filename, map_location='cpu')
    except (RuntimeError, EOFError, OSError) as error:
        raise ValueError(f'{filename} is not a readable checkpoint: {error}') from error
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
    state_dict = checkpoint.get('state_dict', checkpoint)
    return state_dict, checkpoint.get('meta', {}), filename
