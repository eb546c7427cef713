"""Make the teacher in a checkpoint a checkpoint of its own.

The result holds the names of the student, so MMSegmentation's ``init_model`` and test
tool load it into a stock ``EncoderDecoder``.

Example::

    python tools/model_converters/ema_teacher_to_mmseg.py \
        work_dirs/u2pl_voc/iter_40000.pth u2pl_voc_teacher.pth
"""

import argparse
import sys


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('src', help='checkpoint, or the work dir of a training run')
    parser.add_argument('dst', help='file to write (.pth)')
    return parser.parse_args(argv)


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

from weight_files import save

from mmseg_labelfree.utils.checkpoint import load_checkpoint
from mmseg_labelfree.utils.cluster_names import DATA_META
from mmseg_labelfree.utils.command_line import exit_code

KEPT_META = ('dataset_meta', DATA_META, 'cfg', 'iter', 'epoch', 'seed')


def main(argv: list[str] | None = None) -> None:
    """Convert the file that the command line names."""
    args = parse_args(argv)
    checkpoint, path = load_checkpoint(args.src)
    if 'ema_teacher' not in checkpoint:
        raise ValueError(
            f'{path} holds no ema_teacher; it was trained without EMATeacherHook, or '
            'is a converted file already'
        )
    meta = {k: v for k, v in checkpoint['meta'].items() if k in KEPT_META}
    save(args.dst, checkpoint['ema_teacher']['state_dict'], meta)
    print(f'{args.dst}: teacher of {path}')


if __name__ == '__main__':
    sys.exit(exit_code(main))
