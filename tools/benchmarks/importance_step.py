"""Time of a training step with ParameterImportanceHook against one without.

The hook records importance and adds the gradient of the penalty around every optimizer
step; its cost depends on the number of parameters alone, that of the step on the
images, too. Both are timed in turns on the same batch of random images, for EWC, PI and
RW, in CPU time on a CPU so that other processes disturb them less. The figures are
medians, the ratio that of each round's two neighbours; they leave out what RW does at
the end of an interval, every tenth update.

Example:
    python tools/benchmarks/importance_step.py \
        configs/mib/deeplabv3_mobilenetv2_vocreal_3-1_ft.py --max-ratio 1.1
"""

import argparse
import copy
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

import mmseg_labelfree  # noqa: F401
from mmseg_labelfree.engine.hooks import ParameterImportanceHook
from mmseg_labelfree.engine.protocols import build_protocol

KINDS = ('ewc', 'pi', 'rw')


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config of a class-incremental protocol')
    parser.add_argument('--kinds', nargs='+', default=KINDS, choices=KINDS)
    parser.add_argument('--batch-size', type=int, default=16)
    parser.add_argument('--size', type=int, default=128, help='image side in pixels')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--threads', type=int, default=1, help='CPU threads')
    parser.add_argument(
        '--bfloat16', action='store_true', help='forward pass under autocast'
    )
    parser.add_argument('--repeat', type=int, default=11, help='timed rounds')
    parser.add_argument(
        '--max-ratio', type=float, help='exit with 1 if the hook makes a step longer'
    )
    return parser.parse_args()


def model_configs(args: argparse.Namespace) -> tuple[dict, dict]:
    """The models of the first two steps, without distillation."""
    cfg = Config.fromfile(args.config)
    cfg.work_dir = 'work_dirs/benchmark'
    models = [s.cfg.model for s in build_protocol(cfg).stages(cfg)[:2]]
    for model in models:
        if 'distillation' in model:
            model.distillation = []
    return tuple(models)


def make_batch(args: argparse.Namespace) -> tuple:
    """Random images and labels of the background and one class."""
    shape = args.batch_size, args.size, args.size
    images = torch.randn(shape[0], 3, *shape[1:], device=args.device)
    labels = torch.randint(0, 2, shape, device=args.device)
    samples = [SegDataSample(gt_sem_seg=PixelData(data=x[None])) for x in labels]
    return images, samples


def build(model_cfg: dict, args: argparse.Namespace) -> tuple:
    """A model in training mode and its optimizer wrapper."""
    model = MODELS.build(copy.deepcopy(model_cfg)).train()
    model.to(args.device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6, momentum=0.9)
    return model, OptimWrapper(optimizer)


def training_step(
    model: torch.nn.Module,
    wrapper: OptimWrapper,
    batch: tuple,
    args: argparse.Namespace,
) -> Callable[[], None]:
    """A function that does one optimizer step."""

    def step() -> None:
        device = batch[0].device.type
        with torch.autocast(device, torch.bfloat16, enabled=args.bfloat16):
            losses, _ = model.parse_losses(model.loss(*batch))
        wrapper.update_params(losses)

    return step


def previous_step(kind: str, model_cfg: dict, folder: str, args) -> str:
    """A checkpoint of the first step, after one update."""
    model, wrapper = build(model_cfg, args)
    hook = ParameterImportanceHook(kind, 1.0)
    hook.attach(model, wrapper.optimizer)
    training_step(model, wrapper, make_batch(args), args)()
    path = Path(folder) / 'previous.pth'
    content = dict(state_dict=model.state_dict(), parameter_importance=hook.entry())
    torch.save(content, path)
    return str(path)


def seconds(function: Callable[[], None], device: str) -> float:
    """Time of one call: CPU time on a CPU, wall time on a GPU."""
    clock = time.process_time if device == 'cpu' else time.perf_counter
    if device != 'cpu':
        torch.cuda.synchronize()
    start = clock()
    function()
    if device != 'cpu':
        torch.cuda.synchronize()
    return clock() - start


def compare(kind: str, args: argparse.Namespace) -> float:
    """Time one kind of importance, print a line and return the ratio."""
    torch.manual_seed(0)
    first, second = model_configs(args)
    with tempfile.TemporaryDirectory() as folder:
        hook = ParameterImportanceHook(
            kind, 1.0, checkpoint=previous_step(kind, first, folder, args)
        )
        batch = make_batch(args)
        steps = {}
        for name in ('without', 'with'):
            model, wrapper = build(second, args)
            steps[name] = training_step(model, wrapper, batch, args)
        hook.attach(model, wrapper.optimizer)
    times = {name: [] for name in steps}
    for turn in range(args.repeat + 2):
        # Each goes first in every other round.
        for name in sorted(steps, reverse=turn % 2 == 1):
            spent = seconds(steps[name], args.device)
            if turn >= 2:
                times[name].append(spent)
    pairs = zip(times['with'], times['without'], strict=True)
    ratio = statistics.median(a / b for a, b in pairs)
    medians = {name: 1000 * statistics.median(t) for name, t in times.items()}
    millions = sum(p.numel() for p in model.parameters()) / 1e6
    print(
        f'{kind:4} {millions:5.1f} M parameters: {medians["without"]:8.1f} ms without, '
        f'{medians["with"]:8.1f} ms with the hook, ratio {ratio:.3f}',
        flush=True,
    )
    return ratio


def main() -> None:
    """Compare all kinds."""
    args = parse_args()
    torch.set_num_threads(args.threads)
    init_default_scope('mmseg')
    worst = max(compare(kind, args) for kind in args.kinds)
    if args.max_ratio is not None and worst > args.max_ratio:
        raise SystemExit(f'above the limit: {worst:.3f} > {args.max_ratio}')


if __name__ == '__main__':
    main()
