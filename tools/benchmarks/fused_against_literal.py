"""Times and peak memory of two versions of a loss, for the benchmarks of losses.

Time is the median of ``--repeat`` forward and backward passes, the two versions taking
turns. Memory is what a pass adds to its inputs. On the CPU every pass is measured in a
fresh process, as the growth of the largest resident set after the inputs exist and a
tiny pass has loaded the libraries: this counts every buffer, including those inside an
operation. It is not exact to a few MiB, so small sizes say nothing. On a GPU it
is the allocator's own peak.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

MIB = 2**20


@dataclass
class Comparison:
    """What a benchmark compares.

    Attributes:
        losses: Names of the rows.
        make_inputs: ``make_inputs(size, args)`` gives the tensors of a pass, the
            first of which is the leaf that gets the gradient.
        make_pass: ``make_pass(version, loss, *inputs)``, version 'fused' or 'literal',
            gives a function that runs one pass and returns the loss.
        title: What the rows have in common, for the heading.
        size: Default side of the images in pixels.
        tiny: Side of the pass that loads the libraries.
    """

    losses: Sequence[str]
    make_inputs: Callable
    make_pass: Callable
    title: str
    size: int
    tiny: int = 24


def parse_args(comparison: Comparison, description: str) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--size', type=int, default=comparison.size, help='image side in pixels'
    )
    parser.add_argument('--device', default='cpu', help="'cpu' or 'cuda'")
    parser.add_argument(
        '--dtype', default='float32', choices=('float32', 'bfloat16', 'float16')
    )
    parser.add_argument('--repeat', type=int, default=7, help='timed passes')
    parser.add_argument('--threads', type=int, default=2, help='CPU threads')
    parser.add_argument(
        '--max-ratio',
        type=float,
        help='exit with 1 if fused needs more than this share of literal',
    )
    parser.add_argument('--measure-memory', help=argparse.SUPPRESS)
    return parser.parse_args()


def measure_memory(comparison: Comparison, args: argparse.Namespace) -> None:
    """Print the MiB that the pass named by ``--measure-memory`` adds to its inputs."""
    import resource

    import torch

    version, name = args.measure_memory.split(':')
    torch.set_num_threads(args.threads)
    inputs = comparison.make_inputs(args.size, args)
    tiny = comparison.make_inputs(comparison.tiny, args)
    comparison.make_pass(version, name, *tiny)()
    run = comparison.make_pass(version, name, *inputs)
    if args.device == 'cpu':
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        run()
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(json.dumps(grown * 1024 / MIB))
    else:
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        print(json.dumps((torch.cuda.max_memory_allocated() - before) / MIB))


def memory_of(version: str, name: str) -> float:
    """Run this script again for one pass and read its answer."""
    command = [sys.executable, *sys.argv, '--measure-memory', f'{version}:{name}']
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return float(done.stdout.splitlines()[-1])


def times_of(
    comparison: Comparison, name: str, args: argparse.Namespace
) -> dict[str, float]:
    """Median milliseconds of the two versions, after a check that they agree."""
    import torch

    inputs = comparison.make_inputs(args.size, args)
    versions = ('fused', 'literal')
    passes = {v: comparison.make_pass(v, name, *inputs) for v in versions}
    values, gradients = [], []
    for run in passes.values():
        values.append(run())
        gradients.append(inputs[0].grad.float() * args.size**2)
    tolerance = 1e-5 if args.dtype == 'float32' else 1e-2
    torch.testing.assert_close(*values, rtol=1e-5, atol=0)
    torch.testing.assert_close(*gradients, rtol=tolerance, atol=tolerance)
    del gradients

    taken = {version: [] for version in passes}
    for _ in range(args.repeat):
        for version, run in passes.items():
            start = time.perf_counter()
            run()
            if args.device != 'cpu':
                torch.cuda.synchronize()
            taken[version].append(time.perf_counter() - start)
    return {version: 1e3 * statistics.median(t) for version, t in taken.items()}


def main(comparison: Comparison, description: str) -> int:
    """Print the table; 1 if a ratio exceeds ``--max-ratio``."""
    args = parse_args(comparison, description)
    if args.measure_memory:
        measure_memory(comparison, args)
        return 0

    # Children first: a child of a large process would inherit its resident set.
    memory = {
        name: {v: memory_of(v, name) for v in ('fused', 'literal')}
        for name in comparison.losses
    }

    import torch

    torch.set_num_threads(args.threads)
    size = f'{args.size}x{args.size}'
    print(f'{comparison.title}, {size}, {args.dtype} on {args.device}')
    print(f'{"loss":10} {"quantity":10} {"literal":>9} {"fused":>9} {"ratio":>6}')
    worst = 0.0
    for name in comparison.losses:
        for unit, row in (
            ('time ms', times_of(comparison, name, args)),
            ('peak MiB', memory[name]),
        ):
            ratio = row['fused'] / row['literal']
            worst = max(worst, ratio)
            print(
                f'{name:10} {unit:10} {row["literal"]:9.1f} {row["fused"]:9.1f} '
                f'{ratio:6.2f}'
            )
    if args.max_ratio is not None and worst > args.max_ratio:
        print(f'Above the limit: {worst:.2f} > {args.max_ratio}')
        return 1
    return 0
