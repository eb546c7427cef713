"""Time and peak memory of MiB's losses against the same equations written out.

``literal`` follows eq. 5, 6, 7 and 9 step by step in differentiable tensor
operations; ``fused`` is what the package trains with. Each row is one forward and
backward pass over the same logits (21 classes, 16 of them old, 4 images).

Time is the median of ``--repeat`` passes, the two versions taking turns. Memory is
what a pass adds to its inputs. On the CPU every pass is measured in a fresh
process, as the growth of the largest resident set after the inputs exist and a
tiny pass has loaded the libraries: this counts every buffer, including those
inside an operation. It is not exact to a few MiB, so small sizes say
nothing. On a GPU it is the allocator's own peak.

Example:
    python tools/benchmarks/mib_losses.py --size 512 --max-ratio 0.5
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

BATCH, CLASSES, OLD_CLASSES = 4, 21, 16
LOSSES = ('ce', 'kd', 'ce+kd')
MIB = 2**20


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--size', type=int, default=512, help='image side in pixels')
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
    """Student logits (a leaf), teacher logits and label, without large temporaries."""
    import torch

    torch.manual_seed(0)
    options = dict(device=args.device, dtype=getattr(torch, args.dtype))
    student = torch.empty(BATCH, CLASSES, size, size, **options).normal_()
    teacher = torch.empty(BATCH, OLD_CLASSES, size, size, **options).normal_()
    # About 3 in 4 pixels background, 1 in 5 a new class, the rest ignored.
    label = torch.empty(BATCH, size, size, dtype=torch.long, device=args.device)
    label.random_(0, CLASSES + 1)
    label[label < OLD_CLASSES] = 0
    label[label == CLASSES] = 255
    return student.requires_grad_(), teacher, label


def literal_cross_entropy(student, label):
    """Eq. 5-6 as written: probabilities of {background or old}, then of the rest."""
    import torch
    import torch.nn.functional as F

    log_q = F.log_softmax(student.float(), dim=1)
    log_background = torch.logsumexp(log_q[:, :OLD_CLASSES], dim=1, keepdim=True)
    log_p = torch.cat([log_background, log_q[:, 1:]], dim=1)
    return F.nll_loss(log_p, label, ignore_index=255, reduction='none').mean()


def literal_distillation(student, teacher):
    """Eq. 7 and 9 as written, averaged over the classes too."""
    import torch
    import torch.nn.functional as F

    log_q = F.log_softmax(student.float(), dim=1)
    rows = torch.tensor([0, *range(OLD_CLASSES, CLASSES)], device=student.device)
    log_background = torch.logsumexp(log_q[:, rows], dim=1, keepdim=True)
    log_p = torch.cat([log_background, log_q[:, 1:OLD_CLASSES]], dim=1)
    target = torch.softmax(teacher.float(), dim=1)
    return -(target * log_p).mean(dim=1).mean()


def make_pass(version, name, student, teacher, label):
    """A function that runs one forward and backward pass and returns the loss."""
    if version == 'fused':
        from mmseg_labelfree.ops import incremental

        def cross_entropy():
            return incremental.unbiased_cross_entropy(
                student, label, OLD_CLASSES
            ).mean()

        def distillation():
            return incremental.unbiased_knowledge_distillation(student, teacher).mean()

    else:

        def cross_entropy():
            return literal_cross_entropy(student, label)

        def distillation():
            return literal_distillation(student, teacher)

    def run():
        student.grad = None
        if name == 'ce':
            loss = cross_entropy()
        elif name == 'kd':
            loss = distillation()
        else:
            loss = cross_entropy() + 10 * distillation()
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
    make_pass(version, name, *make_inputs(8, args))()
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
    tolerance = 1e-6 if args.dtype == 'float32' else 1e-2
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
        f'{OLD_CLASSES} old classes, forward and backward'
    )
    print(f'{"loss":6} {"quantity":10} {"literal":>9} {"fused":>9} {"ratio":>6}')
    worst = 0.0
    for name in LOSSES:
        for unit, row in (
            ('time ms', times_of(name, args)),
            ('peak MiB', memory[name]),
        ):
            ratio = row['fused'] / row['literal']
            worst = max(worst, ratio)
            print(
                f'{name:6} {unit:10} {row["literal"]:9.1f} {row["fused"]:9.1f} '
                f'{ratio:6.2f}'
            )
    if args.max_ratio is not None and worst > args.max_ratio:
        print(f'Above the limit: {worst:.2f} > {args.max_ratio}')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
