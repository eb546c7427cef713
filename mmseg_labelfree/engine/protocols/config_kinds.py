"""Check of the keys of a config, and of their kinds, before anything is built of it."""

import difflib
from collections.abc import Mapping

from mmengine.config import Config
from mmengine.hooks import Hook

from ...utils.choices import check_keys, check_range
from .base import STAGE_KEYS

__all__ = ['check_keys_and_kinds', 'check_spelling']

_NEEDED = ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper')


def check_keys_and_kinds(cfg: Config) -> None:
    """Raise if a config has a misspelled key, or lacks what each training has.

    Args:
        cfg: Config of a stage.

    Raises:
        ValueError: Names the key, and what to do.

    Example:
        >>> try:
        ...     check_keys_and_kinds(Config(dict(train_cgf=dict())))
        ... except ValueError as error:
        ...     print(error)
        train_cgf is read by nothing; did you mean train_cfg?
    """
    check_spelling(cfg)
    _check_kinds(cfg)


def check_spelling(cfg: Config) -> None:
    """Raise a ValueError for a top-level key that looks like one that is read."""
    for key in cfg:
        similar = difflib.get_close_matches(key, STAGE_KEYS, 1, 0.87)
        similar += [known for known in STAGE_KEYS if sorted(known) == sorted(key)]
        if key not in STAGE_KEYS and similar:
            raise ValueError(f'{key} is read by nothing; did you mean {similar[0]}?')


def _check_kinds(cfg: Config) -> None:
    """Refuse what a training cannot do without, and what is no list or no seed."""
    needed = () if 'job' in cfg else _NEEDED
    for key in needed:
        if not isinstance(cfg.get(key), Mapping):
            raise ValueError(
                f'a training needs {key}=dict(...), and it is {cfg.get(key)!r}: '
                'inherit from a config that has it, by _base_'
            )
    hooks = cfg.get('custom_hooks') or []
    if not isinstance(hooks, list | tuple):
        raise ValueError(f'custom_hooks must be a list, [dict(type=...)], not {hooks}')
    for index, hook in enumerate(hooks):
        if not isinstance(hook, Mapping | Hook):
            raise ValueError(f'custom_hooks.{index}={hook!r} must be dict(type=...)')
    randomness = cfg.get('randomness') or {}
    check_keys('randomness', randomness, ('seed', 'deterministic', 'diff_rank_seed'))
    if randomness.get('seed') is not None:
        check_range(0, 2**32 - 1, **{'randomness.seed': randomness['seed']})
