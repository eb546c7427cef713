r"""Time of a DAFormer step against its unavoidable passes, and of U2PL+ against it.

The passes are those that the method is made of: source and mixed images forward and
backward, the teacher over the target, the frozen encoder over the source, and one
optimizer step, on the same batch, with plain losses of enlarged logits. With SePiCo's
config in place of DAFormer's there is no frozen encoder, but the teacher's encoder runs
over the source, and the student's over the target, and the representation head with
these. Models have random weights, and half of the batch has no labels; the teacher's
update is part of none. The figures are medians, the ratios those of each round's
neighbors. ``--memory`` measures the peak of each in place of the time.

Example:
    python tools/benchmarks/daformer_step.py \
        configs/daformer/daformer_mit-b5_gta2cityscapes.py \
        configs/daformer/daformer_mit-b5_gta2cityscapes_u2pl.py \
        --device cuda --size 512 --batch-size 4 --float32
"""

import argparse
import copy
import statistics
from collections.abc import Callable
from typing import Any

from benchmark_parsers import step_parser


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = step_parser(__doc__, size=128, repeat=7)
    parser.add_argument('daformer', help='config of DAFormer or SePiCo')
    parser.add_argument('u2pl', nargs='?', help='config of U2PL+ on it')
    parser.add_argument(
        '--float32', action='store_true', help='as the authors; default: bfloat16'
    )
    parser.add_argument(
        '--blocks', type=int, help='blocks in each stage of MiT; default: as configured'
    )
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
from mmseg_labelfree.models.teachers.ema import copy_student


def build(filename: str, args: argparse.Namespace) -> Any:
    """The segmentor of a config, a teacher like it, and a frozen encoder."""
    cfg = Config.fromfile(filename).model
    cfg.backbone.init_cfg = None
    cfg.ignore_rows = (1, 1)
    if 'class_statistics' in cfg:  # the batch has crops; contrast from the start
        cfg.update(target_crop=None, contrast_start=0)
    if args.blocks:
        cfg.backbone.num_layers = [args.blocks] * 4
    torch.manual_seed(0)
    model = revert_sync_batchnorm(MODELS.build(cfg)).to(args.device)
    if model.feature_distance is not None:
        model.feature_distance.set_encoder(copy.deepcopy(model.backbone))
    model.set_teacher(copy_student(model, model.not_in_teacher))
    return model


def plain_passes(
    model: Any, batch: tuple[Tensor, list], args: argparse.Namespace
) -> Callable[[], None]:
    """What no implementation of a step of the method can leave out."""
    images, samples = batch
    source, target = images[::2], images[1::2]
    labels = torch.cat([sample.gt_sem_seg.data for sample in samples[::2]])
    distance = model.feature_distance is not None
    contrast = hasattr(model, 'class_statistics')
    frozen = copy.deepcopy(model.backbone).requires_grad_(False).eval()
    teacher: Any = (
        copy_student(model, model.not_in_teacher).requires_grad_(False).eval()
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6, momentum=0.9)
    model.train()

    def loss(images: Tensor, embeds: bool = False) -> Tensor:
        features = model.extract_feat(images)
        logits = model.decode_head(features).float()
        logits = F.interpolate(logits, images.shape[2:], mode='bilinear')
        total = F.cross_entropy(logits, labels)
        return total + embedded(model, features) if embeds else total

    def embedded(network: Any, features: Any) -> Tensor:
        return network.representation_head(features).float().mean()

    def step() -> None:
        optimizer.zero_grad()
        bfloat16 = torch.autocast(images.device.type, torch.bfloat16)
        with bfloat16 if not args.float32 else torch.autocast('cpu', enabled=False):
            with torch.no_grad():
                if distance:
                    frozen(source)
                if contrast:
                    embedded(teacher, teacher.extract_feat(source))
                logits = teacher.decode_head(teacher.extract_feat(target))
                F.interpolate(logits, images.shape[2:], mode='bilinear').max(1)
            total = loss(source, contrast) + loss(target)
            if contrast:
                total = total + embedded(model, model.extract_feat(target))
        total.backward()
        optimizer.step()

    return step


def main() -> None:
    """Time the passes and the steps in turns and print the ratios, or their memory."""
    args = parse_args()
    torch.set_num_threads(args.threads)
    init_default_scope('mmseg')
    files = {name: getattr(args, name) for name in ('daformer', 'u2pl')}
    models = {name: build(file, args) for name, file in files.items() if file}
    half = args.batch_size // 2
    classes = range(models['daformer'].num_classes)
    batch = random_batch(args, values=classes, sources=['source', 'target'] * half)
    steps = {
        name: training_step(model, batch, bfloat16=not args.float32)
        for name, model in models.items()
    }
    first = build(args.daformer, args)
    steps = dict(passes=plain_passes(first, batch, args), **steps)
    if args.memory:
        return print_peaks(steps, args)
    times = times_in_turns(steps, args)
    for name, values in times.items():
        print(f'{name:8s} {1000 * statistics.median(values):8.1f} ms')
    names = list(times)
    for under, over in zip(names, names[1:], strict=False):
        pairs = zip(times[over], times[under], strict=True)
        ratio = statistics.median(a / b for a, b in pairs)
        print(f'{over} / {under} = {ratio:.3f}')
        check_ratio(ratio, args)


if __name__ == '__main__':
    main()
