"""The config of a stage whose folder was moved or copied."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from .base import CONFIG

__all__ = ['follow_move']


def follow_move(cfg: Config) -> Config:
    """Let a stage's own ``config.py`` mean the folder that it lies in now.

    Its work dir, and the earlier stages that it names, are then those beside it, and
    not those of the place where it was written.

    Args:
        cfg: Any config, as read from its file. Others than those of stages are returned
            as they are.
    """
    file = Path(cfg.filename or '')
    old = Path(cfg.get('work_dir') or '')
    here = file.parent
    if file.name != CONFIG or old.name != here.name:
        return cfg
    if os.path.abspath(old) == os.path.abspath(here):
        return cfg
    before, after = str(old.parent), str(here.parent)

    def moved(text: str) -> str:
        inside = text == before or text.startswith(f'{before}/')
        return after + text[len(before) :] if inside else text

    return Config(_with_texts(cfg.to_dict(), moved), filename=cfg.filename)


def _with_texts(node: Any, change: Callable[[str], str]) -> Any:
    """Copy a nested config with all text in it changed."""
    if isinstance(node, str):
        return change(node)
    if isinstance(node, Mapping):
        return {key: _with_texts(value, change) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return type(node)(_with_texts(value, change) for value in node)
    return node
