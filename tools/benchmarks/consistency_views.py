"""Time and memory of consistent pseudo-labels against their forward passes alone.

The labels of K views cost K forward passes, which cannot be avoided, and the making and
undoing of views, argmax and intersection. Both are timed in turns on the same random
images; figures are medians, in CPU time on a CPU so that other processes disturb them
less. Memory is what tensors hold when each view's forward pass begins, so it shows
whether maps pile up; on a GPU also the peak of one view and of all.

Example:
    python tools/benchmarks/consistency_views.py configs/strict/demo_voc_15-5.py \
        --max-ratio 1.1
"""

import argparse
import gc
import statistics
import time
from collections.abc import Callable


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config of a SelfTrainingProtocol')
    parser.add_argument('--views', default='mirror+up')
    parser.add_argument('--batch-size', type=int, default=16)
    parser.add_argument('--size', type=int, default=96, help='image side in pixels')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--repeat', type=int, default=7, help='timed rounds')
    parser.add_argument('--max-ratio', type=float, help='exit with 1 above this ratio')
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

import mmseg_labelfree  # noqa: F401
from mmseg_labelfree.engine.protocols import build_protocol
from mmseg_labelfree.ops.consistency import View, consistent_labels, make_view, view_set


def clock(device: str) -> float:
    """Seconds of CPU time on a CPU, of wall time on a GPU."""
    if device == 'cpu':
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def held_mib() -> float:
    """Memory of all tensors that exist."""
    tensors = [o for o in gc.get_objects() if isinstance(o, torch.Tensor)]
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage() for t in tensors}
    return sum(s.nbytes() for s in storages.values()) / 2**20


def peak_mib(function: Callable[[], object]) -> float:
    """Peak of the GPU's memory during a call, above what was there before."""
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    function()
    return (torch.cuda.max_memory_allocated() - before) / 2**20


@torch.no_grad()
def main() -> None:
    """Measure and print."""
    args = parse_args()
    torch.manual_seed(0)
    cfg = Config.fromfile(args.config)
    cfg.work_dir = 'work_dirs/benchmark'
    stage = build_protocol(cfg).stages(cfg)[-1].cfg
    init_default_scope('mmseg')
    model = MODELS.build(stage.model).to(args.device).eval()
    head = model.decode_head
    head.class_set = 'unseen'
    images = torch.randn(args.batch_size, 3, args.size, args.size, device=args.device)
    views = view_set(args.views).draw()
    prepared = [make_view(images, view, head.align_corners) for view in views]

    def predict(view: torch.Tensor) -> torch.Tensor:
        return head(model.extract_feat(view))

    def forward() -> None:
        for view in prepared:
            predict(view)

    def labels(chosen: list[View] = views) -> torch.Tensor:
        return consistent_labels(predict, images, chosen, head.align_corners)

    held = []

    def watched(view: torch.Tensor) -> torch.Tensor:
        held.append(held_mib() - view.nbytes / 2**20)
        return predict(view)

    consistent_labels(watched, images, views, head.align_corners)
    print(
        'held at each view, MiB more than at the first:',
        ', '.join(f'{value - held[0]:.2f}' for value in held),
    )
    if args.device != 'cpu':
        largest = [max(views, key=lambda view: view.scale)]
        print(
            f'peak of the largest view {peak_mib(lambda: labels(largest)):.1f} MiB, '
            f'of all {peak_mib(labels):.1f} MiB'
        )
    times: dict[str, list[float]] = dict(forward=[], labels=[])
    for turn in range(args.repeat + 1):
        for name, function in (('forward', forward), ('labels', labels)):
            start = clock(args.device)
            function()
            if turn:
                times[name].append(clock(args.device) - start)
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, value in medians.items():
        print(f'{name:8s} {1000 * value:8.1f} ms')
    ratio = medians['labels'] / medians['forward']
    print(f'labels / forward = {ratio:.3f}')
    if args.max_ratio is not None and ratio > args.max_ratio:
        raise SystemExit(1)


if __name__ == '__main__':
    main()
