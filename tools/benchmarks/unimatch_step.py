r"""Time of a step of UniMatch or UniMatch V2 against its unavoidable passes.

The passes are those that the method is made of, forward and backward, with plain losses
of enlarged logits and one optimizer step: for UniMatch labeled and weak images, their
features once more through the head, and the strong views; for V2 the teacher over the
weak images, and the student over labeled images and strong views. The step adds
labels, masks, mixing, colors and lost channels. Models have random weights, and half
of the batch has no labels; the teacher's update is in neither. The figures
are medians, the ratio that of each round's neighbors. ``--memory`` measures the peak
of both in place of the time.

Example:
    python tools/benchmarks/unimatch_step.py configs/unimatch/demo_voc_40.py \
        --max-ratio 1.1
    python tools/benchmarks/unimatch_step.py \
        configs/unimatch_v2/dpt_dinov2-b_voc-classic_92.py \
        --device cuda --size 518 --batch-size 8
"""

import argparse
import statistics
from collections.abc import Callable
from typing import Any

from benchmark_parsers import step_parser


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = step_parser(__doc__, size=96, repeat=11)
    parser.add_argument('config', help='config of UniMatch or UniMatch V2')
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import torch
import torch.nn.functional as F
from mmengine.config import Config
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
from mmseg_labelfree.models.segmentors import UniMatchV2EncoderDecoder
from mmseg_labelfree.models.teachers.ema import copy_student


def build(args: argparse.Namespace) -> Any:
    """The segmentor of the config with random weights, and a teacher like it."""
    cfg = Config.fromfile(args.config).model
    cfg.backbone.init_cfg = None
    cfg.warmup_iters = 0
    cfg.threshold = 0.0
    torch.manual_seed(0)
    model: Any = revert_sync_batchnorm(MODELS.build(cfg))
    model.to(args.device, memory_format=torch.channels_last)
    model.set_teacher(copy_student(model, model.not_in_teacher))
    return model.train()


def enlarged(model: Any, logits: Tensor, images: Tensor) -> Tensor:
    """Logits at the size of the images, float32."""
    size, align = images.shape[2:], model.align_corners
    return F.interpolate(logits.float(), size, mode='bilinear', align_corners=align)


def losses_of_unimatch(model: Any, images: Tensor, truth: Tensor) -> Tensor:
    """Weak and labeled images, their features dropped, and two strong views."""
    half = len(truth)
    features = model.extract_feat(images)
    dropped = [F.dropout2d(x, 0.5) for x in features]
    both = [torch.cat(pair) for pair in zip(features, dropped, strict=True)]
    logits = enlarged(model, model.decode_head(both), images)
    labels = logits[half : 2 * half].detach().softmax(1).max(1)[1]
    views = images[half:].repeat(2, 1, 1, 1)
    strong = enlarged(model, model.decode_head(model.extract_feat(views)), images)
    total = F.cross_entropy(strong, labels.repeat(2, 1, 1))
    total = total + F.cross_entropy(logits[3 * half :], labels)
    return total + F.cross_entropy(logits[:half], truth)


def losses_of_v2(model: Any, images: Tensor, truth: Tensor) -> Tensor:
    """The teacher over weak images; labeled images and two strong views."""
    half = len(truth)
    teacher, weak = model.teacher, images[half:]
    with torch.no_grad():
        logits = teacher.decode_head(teacher.extract_feat(weak))
        labels = enlarged(model, logits, weak).softmax(1).max(1)[1]
    features = model.extract_feat(torch.cat([images, weak]))
    logits = enlarged(model, model.decode_head(features), images)
    total = F.cross_entropy(logits[half:], labels.repeat(2, 1, 1))
    return total + F.cross_entropy(logits[:half], truth)


def plain_passes(model: Any, batch: tuple[Tensor, list]) -> Callable[[], None]:
    """What no implementation of a step can leave out."""
    images, samples = batch
    half = len(images) // 2
    truth = torch.cat([sample.gt_sem_seg.data for sample in samples[:half]])
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6, momentum=0.9)
    is_v2 = isinstance(model, UniMatchV2EncoderDecoder)
    losses = losses_of_v2 if is_v2 else losses_of_unimatch

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast(images.device.type, torch.bfloat16):
            total = losses(model, images, truth)
        total.backward()
        optimizer.step()

    return step


def main() -> None:
    """Time passes and step in turns and print the ratio, or print their memory."""
    args = parse_args()
    torch.set_num_threads(args.threads)
    init_default_scope('mmseg')
    model = build(args)
    half = args.batch_size // 2
    sources = ['labeled'] * half + ['unlabeled'] * half
    batch = random_batch(args, values=range(model.num_classes), sources=sources)
    steps = dict(
        passes=plain_passes(build(args), batch), step=training_step(model, batch)
    )
    if args.memory:
        return print_peaks(steps, args)
    times = times_in_turns(steps, args)
    for name, values in times.items():
        print(f'{name:8s} {1000 * statistics.median(values):8.1f} ms')
    pairs = zip(times['step'], times['passes'], strict=True)
    ratio = statistics.median(a / b for a, b in pairs)
    print(f'step / passes = {ratio:.3f}')
    check_ratio(ratio, args)


if __name__ == '__main__':
    main()
