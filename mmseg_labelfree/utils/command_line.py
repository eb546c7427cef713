"""Command lines of tools: a config, and settings that replace its own."""

import argparse
import os
from collections.abc import Callable
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope
from rich.console import Console

__all__ = ['config_parser', 'exit_code', 'expand_home', 'read_config']


def config_parser(description: str, config: str) -> argparse.ArgumentParser:
    """Make a parser of ``CONFIG --cfg-options key=value ...``, to add arguments to.

    Args:
        description: Text of ``--help``, printed as it is.
        config: Which config the tool wants.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help=config)
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='settings that replace those of the config, as key=value',
    )
    return parser


def read_config(args: argparse.Namespace) -> Config:
    """Read the config that a command line of :func:`config_parser` asks for.

    Makes its scope (``mmseg``) that of the registries.
    """
    cfg = Config.fromfile(args.config)
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
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


def exit_code(check: Callable[[], int]) -> int:
    """Run a check of data: 0 if it finds nothing, otherwise 1.

    Args:
        check: Prints what it finds and gives the number of findings. A ValueError or
            FileNotFoundError of it is printed in one line.
    """
    try:
        return int(check() > 0)
    except (ValueError, FileNotFoundError) as error:
        Console(stderr=True).print(f'Error: {error}', soft_wrap=True, markup=False)
        return 1
