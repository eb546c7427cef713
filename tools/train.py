"""Train a segmentor, or run all stages of a protocol."""

import argparse
import os
import sys
from pathlib import Path

import torch
from mmengine.config import Config, DictAction
from mmengine.logging import print_log
from mmengine.runner import Runner
from rich.console import Console
from rich.table import Table

import mmseg_labelfree  # noqa: F401  (registers the components, mends `mmseg::` bases)
from mmseg_labelfree.engine.jobs import run_job
from mmseg_labelfree.engine.protocols import ProtocolRunner
from mmseg_labelfree.utils.distributed import leave_process_group, prepare_cpu_processes
from mmseg_labelfree.utils.metafile import published_result


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
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    if args.cfg_options is not None:
        cfg.merge_from_dict(args.cfg_options)
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
    for heading in ('stage', 'length', 'learning rate', 'learns'):
        table.add_column(heading)
    for stage in runner.stages:
        if stage.is_job:
            table.add_row(stage.name, '-', '-', stage.note)
            continue
        train_cfg = stage.cfg.train_cfg
        length = (
            f'{train_cfg.max_iters} iterations'
            if 'max_iters' in train_cfg
            else f'{train_cfg.max_epochs} epochs'
        )
        rate = stage.cfg.optim_wrapper.optimizer.lr
        table.add_row(stage.name, length, f'{rate:g}', stage.note)
    Console().print(table)


def run(args: argparse.Namespace, cfg: Config) -> None:
    """Train, run a job or run a protocol, as the config says."""
    if 'protocol' not in cfg:
        if args.stage or args.dry_run:
            sys.exit(f'{args.config} has no protocol: --stage and --dry-run need one')
        if 'job' in cfg:
            run_job(cfg)
            return
        cfg.resume = args.resume
        Runner.from_cfg(cfg).train()
        if published := published_result(cfg):
            print_log(f'Published: {published}', logger='current')
        return
    runner = ProtocolRunner(cfg, resume=args.resume)
    if args.dry_run:
        print_stages(runner)
        return
    try:
        runner.run(args.stage)
    except KeyboardInterrupt:
        sys.exit('\nInterrupted; the same command with --resume goes on from here.')


def main() -> None:
    """Run what the command line asks for."""
    args = parse_args()
    run(args, load_config(args))
    leave_process_group()


if __name__ == '__main__':
    main()
