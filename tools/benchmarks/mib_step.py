"""Time of a MiB training step against a plain step plus a teacher's forward pass.

A MiB step adds to plain training what cannot be avoided, the teacher's forward pass,
and what can be kept small, the distillation loss on logits of the size of the
input. The three are timed in turns on the same batch of random images; the figures are
medians, in CPU time on a CPU so that other processes disturb them less.

Example:
    python tools/benchmarks/mib_step.py configs/mib/demo_voc_15-1.py --max-ratio 1.1
"""

import argparse
import copy
import statistics
import time

import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

import mmseg_labelfree  # noqa: F401
from mmseg_labelfree.engine.protocols import build_protocol


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config of a class-incremental protocol')
    parser.add_argument('--stage', type=int, default=1, help='step to time')
    parser.add_argument('--batch-size', type=int, default=16)
    parser.add_argument('--size', type=int, default=96, help='image side in pixels')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--repeat', type=int, default=9, help='timed rounds')
    parser.add_argument(
        '--max-ratio', type=float, help='exit with 1 if a MiB step costs more than this'
    )
    return parser.parse_args()


def build(args: argparse.Namespace) -> tuple:
    """The MiB model with its teacher, and the plain model, with random weights."""
    cfg = Config.fromfile(args.config)
    cfg.work_dir = 'work_dirs/benchmark'
    stages = build_protocol(cfg).stages(cfg)
    init_default_scope('mmseg')
    student_cfg, teacher_cfg = (
        copy.deepcopy(stages[k].cfg.model) for k in (args.stage, args.stage - 1)
    )
    plain_cfg = copy.deepcopy(student_cfg)
    plain_cfg.distillation = []
    plain_cfg.decode_head.loss_decode = dict(type='CrossEntropyLoss')
    models = []
    for model_cfg in (student_cfg, plain_cfg, teacher_cfg):
        model = MODELS.build(model_cfg)
        model.to(args.device, memory_format=torch.channels_last)
        models.append(model)
    student, plain, teacher = models
    student.set_teacher(teacher)
    return student, plain, teacher


def make_batch(num_classes: int, args: argparse.Namespace) -> tuple:
    """Random images and labels of the background and the last class."""
    shape = args.batch_size, args.size, args.size
    images = torch.randn(shape[0], 3, *shape[1:], device=args.device)
    labels = torch.randint(0, 2, shape, device=args.device) * (num_classes - 1)
    samples = [SegDataSample(gt_sem_seg=PixelData(data=x[None])) for x in labels]
    return images, samples


def training_step(model: torch.nn.Module, batch: tuple):
    """A function that does one optimizer step under bfloat16 autocast."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    wrapper = OptimWrapper(torch.optim.SGD(parameters, lr=1e-6, momentum=0.9))
    model.train()

    def step() -> None:
        with torch.autocast(batch[0].device.type, torch.bfloat16):
            losses, _ = model.parse_losses(model.loss(*batch))
        wrapper.update_params(losses)

    return step


def teacher_forward(teacher: torch.nn.Module, images: torch.Tensor):
    """A function that runs the teacher without gradients."""

    def forward() -> None:
        with torch.no_grad(), torch.autocast(images.device.type, torch.bfloat16):
            teacher.decode_head(teacher.extract_feat(images))

    return forward


def seconds(function, device: str) -> float:
    """Time of one call: CPU time on a CPU, wall time on a GPU."""
    clock = time.process_time if device == 'cpu' else time.perf_counter
    if device != 'cpu':
        torch.cuda.synchronize()
    start = clock()
    function()
    if device != 'cpu':
        torch.cuda.synchronize()
    return clock() - start


def main() -> None:
    """Time the three in turns and print the ratio."""
    args = parse_args()
    torch.manual_seed(0)
    student, plain, teacher = build(args)
    batch = make_batch(student.num_classes, args)
    functions = dict(
        mib=training_step(student, batch),
        plain=training_step(plain, batch),
        teacher=teacher_forward(teacher, batch[0]),
    )
    times = {name: [] for name in functions}
    for turn in range(args.repeat + 2):
        for name, function in functions.items():
            spent = seconds(function, args.device)
            if turn >= 2:
                times[name].append(spent)
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, value in medians.items():
        print(f'{name:8s} {1000 * value:8.1f} ms')
    ratio = medians['mib'] / (medians['plain'] + medians['teacher'])
    print(f'mib / (plain + teacher) = {ratio:.3f}')
    if args.max_ratio is not None and ratio > args.max_ratio:
        raise SystemExit(1)


if __name__ == '__main__':
    main()
