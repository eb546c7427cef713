"""Test a checkpoint: mIoU per class and, in protocols, per group."""

import argparse
import os
import sys


def parse_args() -> argparse.Namespace:
    """Command line; the arguments of MMSegmentation's tool, ``--stage``, ``--crf``."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument('config', help='config file, of a protocol or of one stage')
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='checkpoint file or work dir; '
        "default the one in the (stage's) work dir that the training was scored with",
    )
    parser.add_argument('--stage', help='stage of the protocol; default the last')
    parser.add_argument(
        '--work-dir',
        help='folder of the training run, in which results go to test/<checkpoint>; '
        'default work_dirs/<name of the config>',
    )
    parser.add_argument('--out', help='folder for the predictions as PNG files')
    parser.add_argument(
        '--show-dir',
        help='folder for pictures of the predictions, drawn over the images',
    )
    parser.add_argument(
        '--tta',
        action='store_true',
        help='merge several views of '
        "each image: the config's tta_model and tta_pipeline",
    )
    parser.add_argument(
        '--crf',
        action='store_true',
        help='score after a dense CRF, '
        "with the settings of the config's dense_crf, if any",
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action='extend',
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


def main() -> None:
    """Test what the command line asks for."""
    args = parse_args()
    try:  # here, since --help need not wait for it
        from mmseg_labelfree.engine.testing import test
    except ImportError as error:  # a framework is missing
        sys.exit(f'Error: {error}')
    test(args)


if __name__ == '__main__':
    main()
