"""The config of a stage whose folder was moved or copied."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ...utils.checkpoint import CONFIG, MARKER, latest_checkpoint

__all__ = ['follow_move']


def follow_move(cfg: Config) -> Config:
    """Let a stage's own ``config.py`` mean the folder that it lies in now.

    Its work dir is that folder, also under another name, and what it names of earlier
    stages is beside it, if they have come along: not at the place where it was written.

    Args:
        cfg: Any config, as read from its file. Others than those of stages are returned
            as they are.
    """
    file = Path(cfg.filename or '')
    old = Path(cfg.get('work_dir') or '')
    here = file.parent
    if here.name in ('', '..'):
        here = Path(os.path.abspath(here))
    if file.name != CONFIG or not (old.name == here.name or _has_results(here)):
        return cfg
    if os.path.abspath(old) == os.path.abspath(here):
        return cfg

    def moved(text: str) -> str:
        if _is_inside(text, old):
            return f'{here}{text[len(str(old)) :]}'
        if not _is_inside(text, old.parent):
            return text
        below = text[len(str(old.parent)) :].lstrip('/')
        came_along = (here.parent / below.partition('/')[0]).exists()
        return str(here.parent / below) if came_along else text

    return Config(_with_texts(cfg.to_dict(), moved), filename=cfg.filename)


def _has_results(folder: Path) -> bool:
    """Whether something has run in a folder, so that its config is not one to run."""
    reported = any((folder / name).is_file() for name in (MARKER, 'results.json'))
    return reported or latest_checkpoint(folder) is not None


def _is_inside(text: str, folder: Path) -> bool:
    return text == str(folder) or text.startswith(f'{folder}/')


def _with_texts(node: Any, change: Callable[[str], str]) -> Any:
    """Copy a nested config with all text in it changed."""
    if isinstance(node, str):
        return change(node)
    if isinstance(node, Mapping):
        return {key: _with_texts(value, change) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return type(node)(_with_texts(value, change) for value in node)
    return node
