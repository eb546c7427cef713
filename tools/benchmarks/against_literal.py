"""Time, memory and results of losses by strips against their equations as written.

``literal`` enlarges the logits as a whole and runs the equation on them in
differentiable tensor operations; ``strips`` is what the package trains with. Both go
forward and backward, enlarging included. ``--logits`` equal to ``--size`` is the case
of logits that have the label's size already.

Time is the median of ``--repeat`` passes, the two versions taking turns: processor time
on a CPU, which other processes disturb less, wall time on a GPU. Memory is what a pass
adds to its inputs, see ``peak_memory.py``. Values have to agree to 1e-6 and gradients
to 1e-6 of the largest; where the literal version in float32 is itself off by more than
that, both are compared with it in float64, and strips must not be further off.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import peak_memory
import torch
import torch.nn.functional as F
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # measure this tree

VERSIONS = ('literal', 'strips')
BATCH = 4


def random_logits(args: argparse.Namespace, channels: int, small: int) -> Tensor:
    """Random logits, made in place."""
    options = dict(device=args.device, dtype=getattr(torch, args.dtype))
    return torch.empty(BATCH, channels, small, small, **options).normal_()


def enlarged(logits: Tensor, label: Tensor) -> Tensor:
    """Logits of the label's size, then in float32, as MMSegmentation makes them."""
    size = label.shape[1:]
    if logits.shape[2:] != size:
        logits = F.interpolate(logits, size, mode='bilinear', align_corners=False)
    return logits if logits.dtype == torch.float64 else logits.float()


def main(
    args: argparse.Namespace,
    make_inputs: Callable[[argparse.Namespace, int, int], Sequence[Tensor]],
    versions: Mapping[str, Callable[..., Tensor]],
) -> int:
    """Measure, and print the table.

    Args:
        args: Of ``literal_parser``.
        make_inputs: ``make_inputs(args, size, small)`` gives the tensors of a pass,
            the first of which gets the gradient.
        versions: ``version(name, args, *inputs)`` computes a loss, for each of
            'literal' and 'strips'.

    Returns:
        Exit status: 1 if a ratio is above its limit.
    """
    torch.set_num_threads(args.threads)
    if args.measure_memory:
        version, name = args.measure_memory.split(':')
        inputs = make_inputs(args, args.size, args.logits)
        tiny = make_inputs(args, 24, 24 if args.logits == args.size else 8)
        backward(versions[version], name, args, tiny)  # loads the libraries
        peak_memory.print_added(
            lambda: backward(versions[version], name, args, inputs), args.device
        )
        return 0
    print(
        f'{BATCH} images, {args.classes} classes, logits of {args.logits}x{args.logits}'
        f', labels of {args.size}x{args.size}, {args.dtype} on {args.device}, '
        f'threads: {args.threads}'
    )
    print(f'{"loss":10} {"quantity":9} {"literal":>9} {"strips":>9} {"ratio":>6}')
    above = False
    for name in args.losses:
        inputs = make_inputs(args, args.size, args.logits)
        agreement = compare(versions, name, args, inputs)
        for unit, row, limit in (
            ('time ms', times(versions, name, args, inputs), args.max_time),
            (
                'peak MiB',
                {v: peak_memory.of_fresh_process(f'{v}:{name}') for v in VERSIONS},
                args.max_memory,
            ),
        ):
            ratio = row['strips'] / row['literal']
            print(
                f'{name:10} {unit:9} {row["literal"]:9.1f} {row["strips"]:9.1f} '
                f'{ratio:6.2f}'
            )
            if limit is not None and ratio > limit:
                print(f'Above the limit: {ratio:.2f} > {limit}')
                above = True
        print(f'{name:10} {agreement}', flush=True)
    return int(above)


def backward(
    version: Callable[..., Tensor],
    name: str,
    args: argparse.Namespace,
    inputs: Sequence[Tensor],
) -> tuple[Tensor, Tensor]:
    """One pass: the loss and its gradient by the first input."""
    leaf = inputs[0].detach().requires_grad_()
    loss = version(name, args, leaf, *inputs[1:])
    loss.backward()
    assert leaf.grad is not None
    return loss.detach(), leaf.grad


def compare(
    versions: Mapping[str, Callable[..., Tensor]],
    name: str,
    args: argparse.Namespace,
    inputs: Sequence[Tensor],
) -> str:
    """Say how far the two are apart; end the program if they do not agree."""
    literal, strips = (backward(versions[v], name, args, inputs) for v in VERSIONS)
    value, gradient = distance(strips, literal)
    found = f'strips - literal: value {value:.0e}, gradient {gradient:.0e}'
    tolerance = 1e-6 if args.dtype == 'float32' else 2e-2
    if max(value, gradient) <= tolerance:
        return found
    double = [x.double() if x.is_floating_point() else x for x in inputs]
    exact = backward(versions['literal'], name, args, double)
    off = {
        v: distance(x, exact) for v, x in zip(VERSIONS, (literal, strips), strict=True)
    }
    found += ''.join(
        f'; {version} - float64: value {value:.0e}, gradient {gradient:.0e}'
        for version, (value, gradient) in off.items()
    )
    limits = (max(tolerance, x) for x in off['literal'])
    if any(x > limit for x, limit in zip(off['strips'], limits, strict=True)):
        raise SystemExit(f'{name}: the versions differ: {found}')
    return found


def distance(
    result: tuple[Tensor, Tensor], reference: tuple[Tensor, Tensor]
) -> tuple[float, float]:
    """How far values are apart, and gradients as a share of the largest."""
    value, gradient = (
        ((a.double() - b).abs().max() / b.abs().max()).item()
        for a, b in zip(result, reference, strict=True)
    )
    return value, gradient


def times(
    versions: Mapping[str, Callable[..., Tensor]],
    name: str,
    args: argparse.Namespace,
    inputs: Sequence[Tensor],
) -> dict[str, float]:
    """Median milliseconds of the two versions."""
    clock = time.process_time if args.device == 'cpu' else time.perf_counter
    taken: dict[str, list[float]] = {version: [] for version in VERSIONS}
    for _ in range(args.repeat):
        for version, spent in taken.items():
            start = clock()
            backward(versions[version], name, args, inputs)
            if args.device != 'cpu':
                torch.cuda.synchronize()
            spent.append(clock() - start)
    return {version: 1e3 * statistics.median(t) for version, t in taken.items()}
