"""Train a segmentor, or run all stages of a protocol."""

import argparse
import os
import sys
from pathlib import Path

import torch
from mmengine.config import Config, DictAction
from rich.console import Console
from rich.table import Table
from torch.distributed.elastic.multiprocessing.errors import record

import mmseg_labelfree  # noqa: F401  (registers the components, mends `mmseg::` bases)
from mmseg_labelfree.engine.protocols import (
    DataCheck,
    ProtocolRunner,
    data_is_there,
    follow_move,
    overruled_options,
)
from mmseg_labelfree.utils.command_line import expand_home
from mmseg_labelfree.utils.distributed import (
    connect_processes,
    launched_rank,
    leave_process_group,
    name_failing_process,
    prepare_cpu_processes,
)
from mmseg_labelfree.utils.run_lock import WorkDirInUse, run_lock
from mmseg_labelfree.utils.signals import one_line_stops


def parse_args() -> argparse.Namespace:
    """Command line; the arguments of MMSegmentation's tool and those of protocols."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--work-dir',
        help='folder for logs and checkpoints; default work_dirs/<name of the config>',
    )
    parser.add_argument(
        '--resume',
        action='store_true',
        help='go on where the run in the work dir was stopped',
    )
    parser.add_argument('--stage', help='run only this stage of the protocol')
    parser.add_argument(
        '--dry-run',
        action='store_true',
        help='print the stages of the protocol and stop',
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='mixed precision: float16 with loss scaling on a GPU, bfloat16 on a CPU',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override settings of the config: key=value ...',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='job launcher',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def load_config(args: argparse.Namespace) -> Config:
    """Read the config and apply the command line to it."""
    cfg = follow_move(Config.fromfile(args.config))
    cfg.launcher = args.launcher
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
    expand_home(cfg)
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs') / Path(args.config).stem)
    if args.amp:
        use_mixed_precision(cfg)
    if not args.dry_run:
        prepare_cpu_processes(cfg)
    return cfg


def use_mixed_precision(cfg: Config) -> None:
    """Switch ``optim_wrapper`` to mixed precision, on the device that there is."""
    kind = cfg.optim_wrapper.type
    if kind in ('AmpOptimWrapper', 'BFloat16OptimWrapper'):
        return
    if kind != 'OptimWrapper':
        raise ValueError(f'--amp needs optim_wrapper.type OptimWrapper, not {kind}')
    if torch.cuda.is_available():
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.loss_scale = 'dynamic'
    else:
        cfg.optim_wrapper.type = 'BFloat16OptimWrapper'


def print_stages(runner: ProtocolRunner) -> None:
    """Print what a protocol would do."""
    table = Table(title=f'{len(runner.stages)} stages')
    for heading in ('stage', 'length', 'learning rate', 'images', 'batches', 'learns'):
        table.add_column(heading)
    sizes = {}
    if all(data_is_there(s.cfg) for s in runner.stages if not s.is_job):
        sizes = DataCheck().stages(runner.stages)
    for stage in runner.stages:
        if stage.is_job:
            table.add_row(stage.name, '-', '-', '-', '-', stage.note)
            continue
        size = sizes.get(stage.name)
        data = (str(size.images), str(size.batches)) if size else ('-', '-')
        train_cfg = stage.cfg.train_cfg
        length = (
            f'{train_cfg.max_iters} iterations'
            if 'max_iters' in train_cfg
            else f'{train_cfg.max_epochs} epochs'
        )
        rate = stage.cfg.optim_wrapper.optimizer.lr
        table.add_row(stage.name, length, f'{rate:g}', *data, stage.note)
    Console().print(table)


def run(args: argparse.Namespace, cfg: Config) -> None:
    """Run the stages of the config: one training or job, or those of a protocol."""
    if args.stage and 'protocol' not in cfg:
        sys.exit(f'{args.config} has no protocol: --stage needs one')
    runner = ProtocolRunner(cfg, resume=args.resume)
    for line in overruled_options(args.cfg_options, runner.stages):
        Console(stderr=True).print(f'Warning: {line}', soft_wrap=True, markup=False)
    if args.dry_run:
        print_stages(runner)
        return
    connect_processes(cfg)
    runner.run(args.stage)


@record  # torchrun's summary names the first process that failed, with its traceback
def main() -> None:
    """Run what the command line asks for; one run at a time in a work dir."""
    args = parse_args()
    with one_line_stops('the same command with --resume goes on from here.') as stack:
        cfg = load_config(args)
        if not args.dry_run and launched_rank(args.launcher) == 0:
            try:
                stack.enter_context(run_lock(cfg.work_dir))
            except WorkDirInUse as error:
                sys.exit(str(error))
        with name_failing_process():
            run(args, cfg)
        leave_process_group()


if __name__ == '__main__':
    main()
