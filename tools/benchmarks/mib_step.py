r"""Time and memory of a MiB training step, a stock step and a teacher's forward pass.

A MiB step adds to training a stock ``EncoderDecoder`` with plain cross-entropy what
cannot be avoided, the teacher's forward pass, and what can be kept small, the
distillation loss at the size of the input. The figures are medians.

Examples:
    python tools/benchmarks/mib_step.py configs/mib/demo_voc_15-1.py --max-ratio 1.1
    python tools/benchmarks/mib_step.py configs/mib/deeplabv3_r101_voc_15-1.py \
        --size 512 --batch-size 2 --memory
"""

import argparse
import copy
import statistics

from benchmark_parsers import step_parser


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = step_parser(__doc__, size=96, repeat=9)
    parser.add_argument('config', help='config of a class-incremental protocol')
    parser.add_argument('--stage', type=int, default=1, help='step to time')
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
from mmseg_labelfree.engine.protocols import build_protocol


def build(args: argparse.Namespace) -> tuple:
    """The MiB model with its teacher, and the stock model, with random weights."""
    cfg = Config.fromfile(args.config)
    cfg.work_dir = 'work_dirs/benchmark'
    stages = build_protocol(cfg).stages(cfg)
    init_default_scope('mmseg')
    student_cfg, teacher_cfg = (
        copy.deepcopy(stages[k].cfg.model) for k in (args.stage, args.stage - 1)
    )
    plain_cfg = copy.deepcopy(student_cfg)
    plain_cfg.type = 'EncoderDecoder'
    for own in ('distillation', 'norm_eval'):
        plain_cfg.pop(own, None)
    plain_cfg.decode_head.loss_decode = dict(type='CrossEntropyLoss')
    models = []
    for model_cfg in (student_cfg, plain_cfg, teacher_cfg):
        model = revert_sync_batchnorm(MODELS.build(model_cfg))
        model.to(args.device, memory_format=torch.channels_last)
        models.append(model)
    student, plain, teacher = models
    student.set_teacher(teacher)
    return student, plain, teacher


def teacher_forward(teacher: EncoderDecoder, images: torch.Tensor):
    """A function that runs the teacher without gradients."""

    def forward() -> None:
        with torch.no_grad(), torch.autocast(images.device.type, torch.bfloat16):
            teacher.decode_head(teacher.extract_feat(images))

    return forward


def main() -> None:
    """Time the three in turns and print the ratio, or print their memory."""
    args = parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    student, plain, teacher = build(args)
    batch = random_batch(args, values=(0, student.num_classes - 1))
    functions = dict(
        mib=training_step(student, batch),
        plain=training_step(plain, batch),
        teacher=teacher_forward(teacher, batch[0]),
    )
    if args.memory:
        return print_peaks(functions, args)
    times = times_in_turns(functions, args)
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, value in medians.items():
        print(f'{name:8s} {1000 * value:8.1f} ms')
    ratio = medians['mib'] / (medians['plain'] + medians['teacher'])
    print(f'mib / (plain + teacher) = {ratio:.3f}')
    check_ratio(ratio, args)


if __name__ == '__main__':
    main()
