"""The config that a command line of a run asks for."""

import argparse
from pathlib import Path

from mmengine.config import Config

from ..utils.command_line import expand_home, merge_options, read_file
from .protocols import follow_move

__all__ = ['read_run_config']


def read_run_config(args: argparse.Namespace) -> Config:
    """Read a config, with the options of the command line and a work dir.

    Args:
        args: ``config``, ``cfg_options`` by dotted key, and ``work_dir`` or None; by
            default the config's own, or ``work_dirs/<name of the config>``.

    Raises:
        FileNotFoundError, ValueError: See :func:`read_file` and :func:`merge_options`.
    """
    cfg = follow_move(read_file(args.config))
    expand_home(merge_options(cfg, args.cfg_options))
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs') / Path(args.config).stem)
    return cfg
