r"""Time and memory of a class-incremental training step against its passes.

A step of MiB or PLOP needs those of training a stock ``EncoderDecoder`` with plain
cross-entropy, and the old model's pass; it adds distillation and labels. A later step
of SSUL needs the frozen features, the branches, those that learn also backward, and the
old classifier; it adds labels and a loss at the size of the input. Models have random
weights. The figures are medians, the ratio that of each round's neighbors. ``--memory``
measures the peak of each in place of the time.

Examples:
    python tools/benchmarks/incremental_step.py configs/mib/demo_voc_15-1.py \
        --max-ratio 1.1
    python tools/benchmarks/incremental_step.py configs/plop/demo_voc_15-1.py
    python tools/benchmarks/incremental_step.py \
        configs/ssul/deeplabv3_r101_voc_15-1.py --size 257 --batch-size 2
    python tools/benchmarks/incremental_step.py configs/mib/deeplabv3_r101_voc_15-1.py \
        --size 512 --batch-size 2 --memory
"""

import argparse
import statistics
from collections.abc import Callable
from typing import Any

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
from mmengine.config import Config, ConfigDict
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from step_timing import (
    check_ratio,
    print_peaks,
    random_batch,
    times_in_turns,
    training_step,
)
from torch import Tensor

import mmseg_labelfree  # noqa: F401
from mmseg_labelfree.engine.protocols import build_protocol
from mmseg_labelfree.models.segmentors import (
    BackgroundLabelingEncoderDecoder,
    UnknownClassEncoderDecoder,
)

Step = Callable[[], None]


def build(cfg: ConfigDict, device: str) -> Any:
    """A model with random weights."""
    model = revert_sync_batchnorm(MODELS.build(cfg))
    return model.to(device, memory_format=torch.channels_last)


def stock(cfg: ConfigDict) -> ConfigDict:
    """The same network as a stock segmentor with plain cross-entropy."""
    loss = dict(type='CrossEntropyLoss')
    plain = ConfigDict(cfg, decode_head=ConfigDict(cfg.decode_head, loss_decode=loss))
    for own in ('distillation', 'freeze_norm', 'thresholds'):
        plain.pop(own, None)
    return ConfigDict(plain, type='EncoderDecoder')


def teacher_forward(teacher: Any, images: Tensor) -> Step:
    """A function that runs the teacher without gradients."""

    def forward() -> None:
        with torch.no_grad(), torch.autocast(images.device.type, torch.bfloat16):
            teacher.decode_head(teacher.extract_feat(images))

    return forward


def frozen_passes(model: Any, images: Tensor) -> Step:
    """A function that runs all of a model whose branches alone learn."""
    head, old_classifier = model.decode_head, model.teacher
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=1e-6, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast(images.device.type, torch.bfloat16):
            features = head.features(model.extract_feat(images))
            logits = head.cls_seg(features)
            with torch.no_grad():
                old_classifier(features)
        logits.float().mean().backward()
        optimizer.step()

    return step


def functions(args: argparse.Namespace) -> dict[str, Step]:
    """The step, first, and the passes that it needs."""
    cfg = Config.fromfile(args.config)
    cfg.work_dir = 'work_dirs/benchmark'
    stages = build_protocol(cfg).stages(cfg)
    init_default_scope('mmseg')
    new, old = (stages[k].cfg.model for k in (args.stage, args.stage - 1))
    model, teacher = build(new, args.device), build(old, args.device)
    model.set_teacher(teacher)
    if isinstance(model, BackgroundLabelingEncoderDecoder):
        model.thresholds = torch.full((teacher.num_classes,), 0.5, device=args.device)
    batch = random_batch(args, values=(0, model.num_classes - 1))
    step = training_step(model, batch)
    if isinstance(model, UnknownClassEncoderDecoder):
        return dict(step=step, passes=frozen_passes(model, batch[0]))
    return dict(
        step=step,
        plain=training_step(build(stock(new), args.device), batch),
        teacher=teacher_forward(teacher, batch[0]),
    )


def main() -> None:
    """Time step and passes in turns and print the ratio, or print their memory."""
    args = parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    steps = functions(args)
    if args.memory:
        return print_peaks(steps, args)
    times = times_in_turns(steps, args)
    for name, values in times.items():
        print(f'{name:8s} {1000 * statistics.median(values):8.1f} ms')
    own, *passes = times.values()
    rounds = zip(own, zip(*passes, strict=True), strict=True)
    ratio = statistics.median(step / sum(parts) for step, parts in rounds)
    print(f'step / ({" + ".join(list(times)[1:])}) = {ratio:.3f}')
    check_ratio(ratio, args)


if __name__ == '__main__':
    main()
