"""Time and peak memory of IDDC's pair loss against the dense one.

One step is the loss of positive pairs and of negative pairs with some rotations of
the batch, and the backward pass into the cluster probabilities. ``dense`` makes the
whole matrix of pairs of each term with torch's autograd, ``ours`` goes block by block.
Both values and gradients are compared.

Time is that of the fastest of ``--repeat`` steps, the two taking turns. On the CPU it
is processor time, which does not grow with what else the machine does; with one
thread it is the time of the step on an idle machine. Memory is what a step adds
to its inputs. On the CPU it is measured in a fresh process, as the growth of the
largest resident set after the inputs exist and a tiny step has loaded the libraries.
On a GPU it is the allocator's own peak.

Example:
    python tools/benchmarks/pairwise_affinity.py --max-time 1 --max-memory 0.5
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

POSITIVE, NEGATIVE, MIB = 0.2, 0.12, 2**20


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--images', type=int, default=64)
    parser.add_argument('--clusters', type=int, default=27)
    parser.add_argument('--channels', type=int, default=384)
    parser.add_argument('--size', type=int, default=28, help='side of the embeddings')
    parser.add_argument('--negatives', type=int, default=3)
    parser.add_argument('--function', default='exp', help="'exp', 'linear' or 'log'")
    parser.add_argument('--device', default='cpu', help="'cpu' or 'cuda'")
    parser.add_argument('--repeat', type=int, default=3, help='timed steps')
    parser.add_argument('--threads', type=int, default=1, help='CPU threads')
    parser.add_argument(
        '--max-time', type=float, help='exit with 1 above this share of the time'
    )
    parser.add_argument(
        '--max-memory', type=float, help='exit with 1 above this share of the memory'
    )
    parser.add_argument('--measure-memory', help=argparse.SUPPRESS)
    return parser.parse_args()


def make_inputs(args, images, size):
    """Logits (a leaf) and unit embeddings of both crops, with a few kinds of pixels."""
    import torch

    torch.manual_seed(0)
    shape = (2, images, size, size)
    kinds = torch.randint(args.clusters, shape, device=args.device)
    centres = torch.randn(args.clusters, args.channels, device=args.device)
    units = torch.empty(2, images, args.channels, size * size, device=args.device)
    for crop in range(2):  # in place, image by image: no large temporary
        for index in range(images):
            rows = centres[kinds[crop, index].flatten()]
            rows = rows + torch.randn_like(rows)
            rows = torch.nn.functional.normalize(rows, dim=1)
            units[crop, index] = rows.T
    logits = torch.randn(2, images, args.clusters, size * size, device=args.device)
    return logits.requires_grad_(), units


def dense_loss(args, logits, units, rotations):
    """Eq. 1, 2 and 5 by whole matrices."""
    import torch

    first, second = logits.softmax(2)

    def term(rotation, positive):
        others, other_units = second.roll(-rotation, 0), units[1].roll(-rotation, 0)
        affinity = units[0].mT @ other_units
        same = first.mT @ others
        if positive:
            selected, weight, right = affinity > POSITIVE, affinity, same
        else:
            selected, weight, right = affinity < NEGATIVE, 1 - affinity, 1 - same
        if args.function == 'exp':
            loss = torch.exp(1 - right)
        else:
            loss = 1 - right if args.function == 'linear' else -right.log()
        return (weight * selected * loss).sum(), selected.sum()

    total, count = term(0, True)
    negatives = [term(r, False) for r in rotations]
    negative = sum(t for t, _ in negatives) / sum(c for _, c in negatives)
    return total / count + negative


def our_loss(args, logits, units, rotations):
    """What the package trains with."""
    from mmseg_labelfree.ops import negative_pair_loss, positive_pair_loss

    both = (*logits.softmax(2), *units)
    positive = positive_pair_loss(*both, POSITIVE, args.function)
    return positive + negative_pair_loss(*both, rotations, NEGATIVE, args.function)


LOSSES = dict(dense=dense_loss, ours=our_loss)


def make_step(args, name, inputs):
    """A function that returns loss and gradient."""
    logits, units = inputs
    rotations = list(range(1, args.negatives + 1))

    def step():
        logits.grad = None
        loss = LOSSES[name](args, logits, units, rotations)
        loss.backward()
        return loss.detach(), logits.grad

    return step


def measure_memory(args):
    """Print the MiB that a step of ``--measure-memory`` adds to its inputs."""
    import resource

    import torch

    torch.set_num_threads(args.threads)
    name = args.measure_memory
    make_step(args, name, make_inputs(args, args.negatives + 1, 4))()
    step = make_step(args, name, make_inputs(args, args.images, args.size))
    if args.device == 'cpu':
        pages = int(Path('/proc/self/statm').read_text().split()[1])
        before = pages * resource.getpagesize()
        step()
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    else:
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        grown = torch.cuda.max_memory_allocated() - before
    print(json.dumps(grown / MIB))


def memory_of(name):
    """Run this script again for one step and read its answer."""
    command = [sys.executable, *sys.argv, '--measure-memory', name]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def times_of(args):
    """Milliseconds of the fastest of each version's steps."""
    import torch

    inputs = make_inputs(args, args.images, args.size)
    steps = {name: make_step(args, name, inputs) for name in LOSSES}
    results = [step() for step in steps.values()]
    for dense, ours in zip(*results, strict=True):
        torch.testing.assert_close(ours, dense, rtol=1e-3, atol=1e-9)
    clock = time.process_time if args.device == 'cpu' else time.perf_counter
    taken = {name: [] for name in steps}
    for _ in range(args.repeat):
        for name, step in steps.items():
            start = clock()
            step()
            if args.device != 'cpu':
                torch.cuda.synchronize()
            taken[name].append(clock() - start)
    return {name: 1e3 * min(values) for name, values in taken.items()}


def main() -> int:
    """Print the table; 1 if a ratio exceeds its limit."""
    args = parse_args()
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    if args.measure_memory:
        measure_memory(args)
        return 0

    # Children first: a child of a large process would inherit its resident set.
    memory = {name: memory_of(name) for name in LOSSES}

    import torch

    torch.set_num_threads(args.threads)
    times = times_of(args)
    print(
        f'{args.images} images of {args.size} x {args.size} x {args.channels}, '
        f'{args.clusters} clusters, {args.negatives} negatives, {args.function}, on '
        f'{args.device}: loss and backward pass'
    )
    print(f'{"quantity":10} {"dense":>9} {"ours":>9} {"ratio":>6}')
    above = False
    for unit, row, limit in (
        ('time ms', times, args.max_time),
        ('peak MiB', memory, args.max_memory),
    ):
        ratio = row['ours'] / row['dense']
        print(f'{unit:10} {row["dense"]:9.1f} {row["ours"]:9.1f} {ratio:6.2f}')
        if limit is not None and ratio > limit:
            print(f'Above the limit: {ratio:.2f} > {limit}')
            above = True
    return int(above)


if __name__ == '__main__':
    sys.exit(main())
