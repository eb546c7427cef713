"""Train a segmentor, or run all stages of a protocol."""

import argparse
import os
import sys


def parse_args() -> argparse.Namespace:
    """Command line; the arguments of MMSegmentation's tool and those of protocols."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
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
        help='check everything, print the stages and their sizes, and stop',
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='mixed precision: float16 with loss scaling on a GPU, bfloat16 on a CPU',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action='extend',
        help='override settings of the config: key=value ...',
    )
    parser.add_argument(
        '--seeds',
        type=int,
        nargs='+',
        help='train with each of these seeds, and end with mean and spread',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='job launcher',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    if args.seeds and args.launcher != 'none':
        parser.error('--seeds trains in one process: start each seed by --launcher')
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def main() -> None:
    """Run what the command line asks for."""
    args = parse_args()
    try:  # here, since --help need not wait for it
        from mmseg_labelfree.engine.training import train
    except ImportError as error:  # a framework is missing
        sys.exit(f'Error: {error}')
    train(args)


if __name__ == '__main__':
    main()
