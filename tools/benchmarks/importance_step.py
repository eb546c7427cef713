"""Time of a training step with ParameterImportanceHook against one without.

The hook records importance and adds the gradient of the penalty around every optimizer
step; its cost depends on the number of parameters alone, that of the step on the
images, too. The figures are medians for EWC, PI and RW, the ratio that of each round's
two neighbors; they leave out what RW does at the end of an interval, every tenth
update.

Example:
    python tools/benchmarks/importance_step.py \
        configs/mib/deeplabv3_mobilenetv2_vocreal_3-1_ft.py --max-ratio 1.1
"""

import argparse
import copy
import statistics
import tempfile
from pathlib import Path
from typing import Literal, get_args

from benchmark_parsers import step_parser

Kind = Literal['ewc', 'pi', 'rw']
KINDS = get_args(Kind)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = step_parser(__doc__, size=128, repeat=11)
    parser.add_argument('config', help='config of a class-incremental protocol')
    parser.add_argument('--kinds', nargs='+', default=KINDS, choices=KINDS)
    parser.add_argument(
        '--bfloat16', action='store_true', help='forward pass under autocast'
    )
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from step_timing import (
    check_ratio,
    random_batch,
    times_in_turns,
    training_step,
)

import mmseg_labelfree  # noqa: F401
from mmseg_labelfree.engine.hooks import ParameterImportanceHook
from mmseg_labelfree.engine.protocols import build_protocol


def model_configs(args: argparse.Namespace) -> tuple[dict, dict]:
    """The models of the first two steps, without distillation."""
    cfg = Config.fromfile(args.config)
    cfg.work_dir = 'work_dirs/benchmark'
    models = [s.cfg.model for s in build_protocol(cfg).stages(cfg)[:2]]
    for model in models:
        if 'distillation' in model:
            model.distillation = []
    return tuple(models)


def build(model_cfg: dict, args: argparse.Namespace) -> tuple:
    """A model in training mode and its optimizer wrapper."""
    model = MODELS.build(copy.deepcopy(model_cfg)).train()
    model.to(args.device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6, momentum=0.9)
    return model, OptimWrapper(optimizer)


def previous_step(kind: Kind, model_cfg: dict, folder: str, args) -> str:
    """A checkpoint of the first step, after one update."""
    model, wrapper = build(model_cfg, args)
    hook = ParameterImportanceHook(kind, 1.0)
    tracker = hook.track(model, wrapper.optimizer)
    training_step(model, random_batch(args), wrapper, args.bfloat16)()
    path = Path(folder) / 'previous.pth'
    content = dict(state_dict=model.state_dict(), parameter_importance=tracker.entry())
    torch.save(content, path)
    return str(path)


def compare(kind: Kind, args: argparse.Namespace) -> float:
    """Time one kind of importance, print a line and return the ratio."""
    torch.manual_seed(0)
    first, second = model_configs(args)
    with tempfile.TemporaryDirectory() as folder:
        hook = ParameterImportanceHook(
            kind, 1.0, checkpoint=previous_step(kind, first, folder, args)
        )
        batch = random_batch(args)
        steps = {}
        for name in ('without', 'with'):
            model, wrapper = build(second, args)
            steps[name] = training_step(model, batch, wrapper, args.bfloat16)
        hook.track(model, wrapper.optimizer)
    times = times_in_turns(steps, args)
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
    check_ratio(worst, args)


if __name__ == '__main__':
    main()
