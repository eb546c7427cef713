"""Settings of a command line that the stages of a protocol do not take over."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...utils.metafile import get_option
from .base import STAGE_KEYS, Stage

__all__ = ['overruled_options']

_READ_BY_PROTOCOLS = ('protocol', 'plain_pipeline')


def overruled_options(
    options: Mapping[str, Any] | None, stages: Sequence[Stage]
) -> list[str]:
    """List the options that a protocol overrules in some or all of its trainings.

    Args:
        options: Values by dotted key, as of ``--cfg-options``.
        stages: The stages of the config with these options.

    Returns:
        A line for each such option: its stages, what they have instead, what to set.

    Example:
        >>> from mmengine.config import Config
        >>> cfg = Config(dict(train_cfg=dict(max_iters=9)))
        >>> lines = overruled_options({'train_cfg.max_iters': 7}, [Stage('a', cfg)])
        >>> lines[0][:47]
        'train_cfg.max_iters=7 is not used by a (9): set'
    """
    lines = []
    for key, value in (options or {}).items():
        first = key.partition('.')[0]
        if first in _READ_BY_PROTOCOLS:
            continue
        if first not in STAGE_KEYS:
            lines.append(f'{key}={value} is read by no stage; {_meant(key, stages)}')
            continue
        trainings = [stage for stage in stages if not stage.is_job]
        found = {s.name: get_option(s.cfg, key) for s in trainings}
        if 'init_cfg' in key.split('.'):  # a later stage has an earlier one's weights
            found = {name: v for name, v in found.items() if v is not None}
        others = [f'{k} ({v})' for k, v in found.items() if _plain(v) != _plain(value)]
        if others:
            lines.append(
                f'{key}={value} is not used by {", ".join(others)}: set it in the '
                "protocol's own settings of these stages, protocol.<stages>."
                f'{key}, see --dry-run'
            )
    return lines


def _meant(key: str, stages: Sequence[Stage]) -> str:
    """What to set instead: the setting of that name in a part of the config."""
    found = {path for stage in stages for path in _paths(stage.cfg.to_dict())}
    alike = [path for path in found if path.endswith(f'.{key}')]
    return f'did you mean {alike[0]}?' if len(alike) == 1 else 'set what it is used in'


def _paths(node: Any, path: str = '') -> Iterator[str]:
    """Dotted keys of nested dicts."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield f'{path}{key}'
            yield from _paths(value, f'{path}{key}.')


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
