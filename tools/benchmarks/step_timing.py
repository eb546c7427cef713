"""What the benchmarks of whole training steps share: batches, steps, times in turns.

Times are CPU time on a CPU, so that other processes disturb them less, and wall time on
a GPU. The things compared take turns, each going first in every other round, on the
same batch of random images. Peak memory is that of a second step in a fresh process.
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import peak_memory
import torch
from mmengine.optim import OptimWrapper
from mmengine.structures import PixelData
from mmseg.models import EncoderDecoder
from mmseg.structures import SegDataSample

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # measure this tree

WARM_UP = 2  # rounds that are not counted


def random_batch(
    args: argparse.Namespace,
    values: Sequence[int] = (0, 1),
    sources: Sequence[str] | None = None,
) -> tuple[torch.Tensor, list[SegDataSample]]:
    """Random images, and labels of the given values.

    Args:
        args: With ``batch_size``, ``size`` and ``device``.
        values: Labels that occur.
        sources: Source of each sample, for segmentors of mixed batches.
    """
    shape = args.batch_size, args.size, args.size
    images = torch.randn(shape[0], 3, *shape[1:], device=args.device)
    known = torch.tensor(values, device=args.device)
    labels = known[torch.randint(0, len(known), shape, device=args.device)]
    samples = [SegDataSample(gt_sem_seg=PixelData(data=x[None])) for x in labels]
    for sample, source in zip(samples, sources or (), strict=bool(sources)):
        sample.set_metainfo(dict(source=source))
    return images, samples


def training_step(
    model: EncoderDecoder,
    batch: tuple,
    wrapper: OptimWrapper | None = None,
    bfloat16: bool = True,
) -> Callable[[], None]:
    """A function that does one optimizer step; at a rate that changes little."""
    if wrapper is None:
        parameters = [p for p in model.parameters() if p.requires_grad]
        wrapper = OptimWrapper(torch.optim.SGD(parameters, lr=1e-6, momentum=0.9))
    model.train()

    def step() -> None:
        with torch.autocast(batch[0].device.type, torch.bfloat16, enabled=bfloat16):
            losses, _ = model.parse_losses(model.loss(*batch))
        wrapper.update_params(losses)

    return step


def seconds(function: Callable[[], None], device: str) -> float:
    """Time of one call."""
    clock = time.process_time if device == 'cpu' else time.perf_counter
    if device != 'cpu':
        torch.cuda.synchronize()
    start = clock()
    function()
    if device != 'cpu':
        torch.cuda.synchronize()
    return clock() - start


def times_in_turns(
    functions: Mapping[str, Callable[[], None]], args: argparse.Namespace
) -> dict[str, list[float]]:
    """Seconds of each function in each of ``args.repeat`` rounds."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(args.repeat + WARM_UP):
        for name in list(functions)[:: 1 if turn % 2 else -1]:
            spent = seconds(functions[name], args.device)
            if turn >= WARM_UP:
                times[name].append(spent)
    return times


def print_peaks(
    functions: Mapping[str, Callable[[], None]], args: argparse.Namespace
) -> None:
    """Print the MiB that each function adds to models, optimizer and batch.

    Each is measured in a process of its own, which runs up to here.
    """
    if args.measure_memory:
        function = functions[args.measure_memory]
        function()  # the optimizer's state, and what is loaded at the first call
        peak_memory.print_added(function, args.device)
        return
    for name in functions:
        print(f'{name:8s} {peak_memory.of_fresh_process(name):8.0f} MiB', flush=True)


def check_ratio(ratio: float, args: argparse.Namespace) -> None:
    """End the benchmark with 1 if the ratio is above the limit."""
    if args.max_ratio is not None and ratio > args.max_ratio:
        raise SystemExit(f'above the limit: {ratio:.3f} > {args.max_ratio}')
