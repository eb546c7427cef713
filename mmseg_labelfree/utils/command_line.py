"""Command lines of tools: a config, and settings that replace its own."""

import argparse
import difflib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from rich.console import Console

from .console import quiet_console, warnings_in_log
from .errors import error_text, flat_text

__all__ = [
    'exit_code',
    'expand_home',
    'merge_options',
    'parse_options',
    'read_config',
    'read_file',
]

# Spaces inside a name, and what stands for each while MMEngine parses, which deletes
# them.
_INNER_SPACES = re.compile(r"""(?<=[^\s,()[\]'"]) +(?=[^\s,()[\]'"])""")
_STAND_IN = '\0'


def read_config(args: argparse.Namespace) -> Config:
    """Read the config that a command line asks for.

    Makes its scope (``mmseg``) that of the registries.

    Args:
        args: With ``config``, a file, and ``cfg_options``, texts ``key=value`` or None.

    Raises:
        FileNotFoundError, ValueError: See :func:`read_file`, :func:`parse_options` and
            :func:`merge_options`.
    """
    cfg = merge_options(read_file(args.config), parse_options(args.cfg_options))
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    return expand_home(cfg)


def expand_home(cfg: Config) -> Config:
    """Replace a leading ``~`` in every ``data_root`` of a config, in place."""
    nodes: list[Any] = [cfg]
    while nodes:
        node = nodes.pop()
        named = isinstance(node, dict | Config)
        if named and isinstance(node.get('data_root'), str):
            node['data_root'] = os.path.expanduser(node['data_root'])
        children = node.values() if named else node
        nodes += [v for v in children if isinstance(v, dict | list | tuple)]
    return cfg


def exit_code(work: Callable[[], int | None]) -> int:
    """Run what a tool does: 0 if it finds nothing wrong, otherwise 1.

    Args:
        work: Gives the number of findings, if it looks for any. A ValueError, OSError
            or ImportError of it, such as one of a folder that cannot be written to or
            of an extra that is not installed, is printed in one line. Remarks of the
            frameworks about their own code are not printed.
    """
    quiet_console(MMLogger.get_current_instance())
    try:
        with warnings_in_log():
            return int((work() or 0) > 0)
    except (ValueError, OSError, ImportError) as error:
        Console(stderr=True).print(f'Error: {error}', soft_wrap=True, markup=False)
        return 1


def parse_options(texts: Sequence[str] | None) -> dict[str, Any]:
    """Parse what ``--cfg-options`` of a command line has.

    Args:
        texts: ``key=value`` each, with MMEngine's notation of lists and numbers. Spaces
            inside names and paths are kept, which MMEngine's own tools delete.

    Returns:
        Values by dotted key.

    Raises:
        ValueError: One has no ``=``.

    Example:
        >>> parse_options(['model.mixing=None', 'a.b=1, 2', 'c=/data/my images'])
        {'model.mixing': None, 'a.b': [1, 2], 'c': '/data/my images'}
    """
    for text in texts or ():
        if '=' not in text:
            raise ValueError(
                f'--cfg-options {text}: there is no value; write key=value, without '
                'spaces around ='
            )
    parser = argparse.ArgumentParser()
    parser.add_argument('--options', nargs='*', action=DictAction)
    texts = [
        _INNER_SPACES.sub(lambda spaces: _STAND_IN * len(spaces[0]), text)
        for text in texts or ()
    ]
    return _spaced(parser.parse_args(['--options', *texts]).options or {})


def _spaced(value: Any) -> Any:
    """A value of options, with the spaces inside its texts."""
    if isinstance(value, str):
        return value.replace(_STAND_IN, ' ')
    if isinstance(value, Mapping):
        return {key: _spaced(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_spaced, value))
    return value


def merge_options(cfg: Config, options: Mapping[str, Any]) -> Config:
    """Replace settings of a config, in place.

    Args:
        cfg: The config.
        options: As :func:`parse_options` gives them.

    Raises:
        ValueError: A key goes through something that has no keys, or beyond a list.

    Example:
        >>> merge_options(Config(dict(hooks=[dict(a=1)])), {'hooks.0.a': 2}).hooks
        [{'a': 2}]
    """
    for key, value in options.items():
        try:
            cfg.merge_from_dict({key: value})
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f'--cfg-options {key}={value}: {flat_text(error)}; correct the key'
            ) from error
    return cfg


_WRONG = (SyntaxError, ImportError, NameError, TypeError, KeyError, AttributeError)


def read_file(path: str) -> Config:
    """Read a config.

    Raises:
        FileNotFoundError: There is no such file; names those with a similar name.
        ValueError: It is no config, or wrong.
    """
    file = Path(path)
    if not file.is_file():
        names = {p.name: p for p in file.parent.glob('*.py')}
        similar = difflib.get_close_matches(file.name, names, 1)
        advice = f'; did you mean {names[similar[0]]}?' if similar else ''
        kind = 'is a folder, not a config' if file.is_dir() else 'does not exist'
        raise FileNotFoundError(f'config {path} {kind}{advice}')
    if file.suffix not in ('.py', '.json', '.yaml', '.yml'):
        raise ValueError(f'{path} is no config: one is a .py, .json or .yaml file')
    try:
        cfg = expand_home(Config.fromfile(path))  # imports what its values name
    except FileNotFoundError as error:
        missing = error.filename or flat_text(error)
        raise FileNotFoundError(
            f'config {path}: there is no {missing}; correct _base_'
        ) from error
    except _WRONG as error:
        raise ValueError(
            f'config {path} cannot be read: {error_text(error)}; correct it'
        ) from error
    return cfg
