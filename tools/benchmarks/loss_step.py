"""What the benchmarks of one loss step share: time and peak memory of two versions.

Time is that of the fastest of ``--repeat`` steps, the two taking turns. On the CPU it
is processor time, which does not grow with what else the machine does; with one
thread it is the time of the step on an idle machine. Memory is what a step adds to
its inputs, see ``peak_memory.py``.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import peak_memory
import torch


def compare(
    args: argparse.Namespace,
    names: Sequence[str],
    make_steps: Callable[[Sequence[str]], Mapping[str, Callable[[], Any]]],
    make_tiny: Callable[[str], Callable[[], Any]],
    check: Callable[[Any, Any], None],
    heading: str,
) -> int:
    """Measure, and print the table.

    Args:
        args: Of ``loss_parser``.
        names: The two versions, the one to beat first.
        make_steps: Gives the steps of these versions, on the same inputs.
        make_tiny: Gives a small step of a version, which loads the libraries.
        check: Called with the results of both versions; ends the program if they
            do not agree.
        heading: What is compared.

    Returns:
        Exit status: 1 if a ratio is above its limit.
    """
    torch.set_num_threads(args.threads)
    if args.measure_memory:
        name = args.measure_memory
        make_tiny(name)()
        peak_memory.print_added(make_steps([name])[name], args.device)
        return 0
    memory = {name: peak_memory.of_fresh_process(name) for name in names}
    steps = make_steps(names)
    check(*[steps[name]() for name in names])
    rows = (
        ('time ms', _times(steps, args), args.max_time),
        ('peak MiB', memory, args.max_memory),
    )
    print(heading)
    print(f'{"quantity":10} {names[0]:>9} {names[1]:>9} {"ratio":>6}')
    above = False
    for unit, row, limit in rows:
        first, second = (row[name] for name in names)
        ratio = second / first
        print(f'{unit:10} {first:9.1f} {second:9.1f} {ratio:6.2f}')
        if limit is not None and ratio > limit:
            print(f'Above the limit: {ratio:.2f} > {limit}')
            above = True
    return int(above)


def _times(steps: Mapping[str, Callable], args: argparse.Namespace) -> dict[str, float]:
    """Milliseconds of the fastest of each version's steps."""
    clock = time.process_time if args.device == 'cpu' else time.perf_counter
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(args.repeat):
        for name, step in steps.items():
            start = clock()
            step()
            if args.device != 'cpu':
                torch.cuda.synchronize()
            taken[name].append(clock() - start)
    return {name: 1e3 * min(values) for name, values in taken.items()}
