"""What ``tools/train.py`` does with its command line."""

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from mmengine.config import Config
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from torch.distributed.elastic.multiprocessing.errors import record

from ..utils.command_line import parse_options
from ..utils.console import complain, open_log, warnings_in_log
from ..utils.distributed import (
    check_launcher,
    connect_processes,
    launched_rank,
    leave_process_group,
    prepare_cpu_processes,
)
from ..utils.errors import one_line_errors
from ..utils.run_lock import run_lock
from ..utils.signals import one_line_stops
from .optim.mixed_precision import use_mixed_precision
from .protocols import ProtocolRunner, Stage, TrainingSize, overruled_options
from .run_config import read_run_config
from .seeds import report_seeds, train_seeds

__all__ = ['train']


def train(args: argparse.Namespace) -> None:
    """Run what the command line asks for; one run at a time in a work dir.

    Args:
        args: Arguments of ``tools/train.py``.

    Raises:
        SystemExit: Something is wrong; one line was printed.
    """
    with one_line_errors(), warnings_in_log():
        if args.seeds:
            _train_seeds(args)
        record(_train)(args)  # for torchrun's summary, which has the traceback


def _train_seeds(args: argparse.Namespace) -> NoReturn:
    """Run the same command line once for each seed."""
    tool, *arguments = sys.argv
    args.cfg_options = parse_options(args.cfg_options)
    cfg = load_config(args)
    code = train_seeds(Path(tool), arguments, cfg.work_dir, args.seeds)
    if code == 0 and not args.dry_run:
        code = report_seeds(Path(tool).parent, cfg, args.seeds)
    sys.exit(code)


def _train(args: argparse.Namespace) -> None:
    with one_line_stops('the same command with --resume goes on from here.') as stack:
        args.cfg_options = parse_options(args.cfg_options)
        cfg = load_config(args)
        if not args.dry_run and launched_rank(args.launcher) == 0:
            stack.enter_context(run_lock(cfg.work_dir))
            open_log(cfg.work_dir)
        run(args, cfg)
        leave_process_group()


def load_config(args: argparse.Namespace) -> Config:
    """Read the config and apply the command line to it."""
    check_launcher(args.launcher)
    cfg = read_run_config(args)
    cfg.launcher = args.launcher
    if args.amp:
        use_mixed_precision(cfg)
    if not args.dry_run:
        prepare_cpu_processes(cfg)
    return cfg


def run(args: argparse.Namespace, cfg: Config) -> None:
    """Run the stages of a config, or say what they are."""
    if args.stage and 'protocol' not in cfg:
        raise ValueError(f'{args.config} has no protocol: --stage needs one')
    runner = ProtocolRunner(cfg, resume=args.resume)
    runner.stage(args.stage)  # which may be unknown
    warn_of_options(args, runner.stages)
    if not args.dry_run:
        connect_processes(cfg)
        runner.run(args.stage)
        return
    try:
        print_stages(runner.stages, runner.check(runner.stages))
    except FileNotFoundError:  # the stages can be told without the data
        print_stages(runner.stages, {})
        raise
    try:
        runner.check_results(args.stage)
    except (FileExistsError, FileNotFoundError, ValueError) as error:
        complain(f'Warning: a run would stop at once: {error}')


def warn_of_options(args: argparse.Namespace, stages: list[Stage]) -> None:
    """Say which options of the command line have no effect."""
    for line in overruled_options(args.cfg_options, stages):
        complain(f'Warning: {line}')


def print_stages(stages: list[Stage], sizes: dict[str, TrainingSize]) -> None:
    """Print what a run would do.

    Args:
        stages: Its stages.
        sizes: How much those train on whose data is known.
    """
    title = '1 stage' if len(stages) == 1 else f'{len(stages)} stages'
    table = Table(title=title, box=SIMPLE_HEAD, collapse_padding=True)
    for heading in ('stage', 'length', 'rate', 'images', 'batches', 'learns'):
        table.add_column(heading, no_wrap=heading != 'learns', overflow='fold')
    for stage in stages:
        table.add_row(*_row(stage, sizes.get(stage.name)))
    Console().print(table)


def _row(stage: Stage, size: TrainingSize | None) -> list[str]:
    if stage.is_job:
        return [stage.name, '-', '-', '-', '-', stage.note]
    data = [str(size.images), str(size.batches)] if size else ['-', '-']
    train_cfg = stage.cfg.train_cfg
    unit = 'iterations' if 'max_iters' in train_cfg else 'epochs'
    rate = stage.cfg.optim_wrapper.optimizer.lr
    length = f'{stage.length:.0f} {unit}'
    return [stage.name, length, f'{rate:g}', *data, stage.note]
