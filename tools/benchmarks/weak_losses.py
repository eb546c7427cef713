"""Time and peak memory of the weakly supervised losses against their equations.

``literal`` follows eq. 12 and 13 of MiB step by step in differentiable tensor
operations; ``fused`` is what the package trains with. Each row is one forward and
backward pass over the same logits (21 classes, 4 images, 9 points of 3 x 3 pixels in
each, the rest unlabelled): ``pce`` is eq. 12, ``unlabeled`` eq. 13.

Time and memory are measured as in ``mib_losses.py``: the median of ``--repeat``
passes, the versions taking turns, and on the CPU the growth of the resident set in
a fresh process, which says nothing for small sizes.

Example:
    python tools/benchmarks/weak_losses.py --size 321 --threads 1
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

BATCH, CLASSES = 4, 21
LOSSES = ('pce', 'unlabeled')
MIB = 2**20


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--size', type=int, default=321, help='image side in pixels')
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


def make_inputs(size, args):
    """Logits (a leaf) and a label map with a few points."""
    import torch

    torch.manual_seed(0)
    options = dict(device=args.device, dtype=getattr(torch, args.dtype))
    logits = torch.empty(BATCH, CLASSES, size, size, **options).normal_()
    label = torch.full((BATCH, size, size), 254, device=args.device)
    for image in label:
        corners = torch.randint(0, size - 2, (9, 2)).tolist()
        for (top, left), value in zip(corners, (1, 2, 3) * 3, strict=True):
            image[top : top + 3, left : left + 3] = value
    label[:, -size // 20 :] = 255
    return logits.requires_grad_(), label


def literal_loss(name, logits, label):
    """Eq. 12, or 13 with a gamma of 1, as written; background is in every set."""
    import torch
    import torch.nn.functional as F

    log_q = F.log_softmax(logits.float(), dim=1)
    unlabeled = label == 254
    labeled = ~unlabeled & (label != 255)
    target = torch.where(labeled, label, 0)
    pixel = -log_q.gather(1, target.unsqueeze(1)).squeeze(1)
    loss = (pixel * labeled).sum((1, 2)) / labeled.sum((1, 2)).clamp(min=1)
    if name == 'unlabeled':
        value = label.clamp(max=CLASSES).flatten(1)
        in_image = F.one_hot(value, CLASSES + 1).amax(1)[:, :CLASSES].bool()
        in_image[:, 0] = True
        outside = ~in_image[:, :, None, None]
        log_p = log_q.masked_fill(outside, -torch.inf).logsumexp(1)
        count = unlabeled.sum((1, 2)).clamp(min=1)
        loss = loss - (log_p * unlabeled).sum((1, 2)) / count
    return loss.mean()


def make_pass(version, name, logits, label):
    """A function that runs one forward and backward pass and returns the loss."""
    from mmseg_labelfree.models import losses

    if name == 'pce':
        fused = losses.PartialCrossEntropyLoss()
    else:
        fused = losses.UnlabeledSetCrossEntropyLoss()

    def run():
        logits.grad = None
        if version == 'fused':
            loss = fused(logits, label)
        else:
            loss = literal_loss(name, logits, label)
        loss.backward()
        return loss.detach()

    return run


def measure_memory(args):
    """Print the MiB that the pass named by ``--measure-memory`` adds to its inputs."""
    import resource

    import torch

    version, name = args.measure_memory.split(':')
    torch.set_num_threads(args.threads)
    inputs = make_inputs(args.size, args)
    make_pass(version, name, *make_inputs(24, args))()
    run = make_pass(version, name, *inputs)
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


def memory_of(version, name):
    """Run this script again for one pass and read its answer."""
    command = [sys.executable, *sys.argv, '--measure-memory', f'{version}:{name}']
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return float(done.stdout.splitlines()[-1])


def times_of(name, args):
    """Median milliseconds of the fused and the literal pass."""
    import torch

    inputs = make_inputs(args.size, args)
    passes = {v: make_pass(v, name, *inputs) for v in ('fused', 'literal')}
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


def main() -> int:
    """Print the table; 1 if a ratio exceeds ``--max-ratio``."""
    args = parse_args()
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    if args.measure_memory:
        measure_memory(args)
        return 0

    # Children first: a child of a large process would inherit its resident set.
    memory = {n: {v: memory_of(v, n) for v in ('fused', 'literal')} for n in LOSSES}

    import torch

    torch.set_num_threads(args.threads)
    print(
        f'{BATCH}x{CLASSES}x{args.size}x{args.size} {args.dtype} on {args.device}, '
        'forward and backward'
    )
    print(f'{"loss":10} {"quantity":10} {"literal":>9} {"fused":>9} {"ratio":>6}')
    worst = 0.0
    for name in LOSSES:
        for unit, row in (
            ('time ms', times_of(name, args)),
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


if __name__ == '__main__':
    sys.exit(main())
