r"""Time and memory of a U2PL+ step against the CutMix mean-teacher step it builds on.

Both are built from their configs and see the same batch, half of it without labels; the
teacher's update is part of neither. Before the timing the U2PL+ model runs until
its queues hold negatives. The figures are medians, the ratio that of each round's two
neighbors. ``--memory`` measures a step after one that
filled the queues.

Example:
    python tools/benchmarks/u2pl_step.py configs/u2pl/demo_voc_40_cutmix.py \
        configs/u2pl/demo_voc_40.py --max-ratio 1.25
"""

import argparse
import statistics

from benchmark_parsers import step_parser


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = step_parser(__doc__, size=96, repeat=11)
    parser.add_argument('cutmix', help='config of the CutMix baseline')
    parser.add_argument('u2pl', help='config of U2PL+')
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmseg.models import EncoderDecoder
from mmseg.registry import MODELS
from step_timing import (
    check_ratio,
    print_peaks,
    random_batch,
    times_in_turns,
    training_step,
)

import mmseg_labelfree  # noqa: F401
from mmseg_labelfree.models.teachers.ema import copy_student


def build(filename: str, args: argparse.Namespace) -> EncoderDecoder:
    """The segmentor of a config with random weights, and a teacher like it."""
    cfg = Config.fromfile(filename).model
    cfg.backbone.init_cfg = None
    cfg.mixing_prob = 1.0
    cfg.warmup_iters = 0
    model = revert_sync_batchnorm(MODELS.build(cfg))
    model.to(args.device, memory_format=torch.channels_last)
    model.set_teacher(copy_student(model, model.not_in_teacher))
    return model


def main() -> None:
    """Time the two in turns and print the ratio, or print their memory."""
    args = parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    init_default_scope('mmseg')
    models = {name: build(getattr(args, name), args) for name in ('cutmix', 'u2pl')}
    classes = range(models['u2pl'].num_classes)
    half = args.batch_size // 2
    sources = ['labeled'] * (args.batch_size - half) + ['unlabeled'] * half
    batch = random_batch(args, values=classes, sources=sources)
    steps = {name: training_step(model, batch) for name, model in models.items()}
    if args.memory:
        return print_peaks(steps, args)
    times = times_in_turns(steps, args)
    for name, values in times.items():
        print(f'{name:8s} {1000 * statistics.median(values):8.1f} ms')
    rows = int(models['u2pl'].memory_bank.filled.sum())
    print(f'rows in the memory bank: {rows}')
    pairs = zip(times['u2pl'], times['cutmix'], strict=True)
    ratio = statistics.median(a / b for a, b in pairs)
    print(f'u2pl / cutmix = {ratio:.3f}')
    check_ratio(ratio, args)


if __name__ == '__main__':
    main()
