"""Command lines that benchmarks share; imports nothing that takes long.

``--measure-memory`` is what ``peak_memory.of_fresh_process`` starts a program with.
"""

import argparse
from collections.abc import Sequence


def loss_parser(doc: str) -> argparse.ArgumentParser:
    """A parser with the options of benchmarks of one loss, see ``loss_step.py``."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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
    return parser


def literal_parser(
    doc: str, losses: Sequence[str], size: int
) -> argparse.ArgumentParser:
    """A parser with the options of benchmarks by ``against_literal.py``.

    Args:
        doc: Description of the program.
        losses: Names of the rows.
        size: Default side of the labels.
    """
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--losses', nargs='+', default=losses, choices=losses, help='rows of the table'
    )
    parser.add_argument('--classes', type=int, default=21)
    parser.add_argument('--size', type=int, default=size, help='side of the labels')
    parser.add_argument('--logits', type=int, default=32, help='side of the logits')
    parser.add_argument('--device', default='cpu', help="'cpu' or 'cuda'")
    parser.add_argument(
        '--dtype', default='float32', choices=('float32', 'bfloat16', 'float16')
    )
    parser.add_argument('--repeat', type=int, default=7, help='timed passes')
    parser.add_argument('--threads', type=int, default=1, help='CPU threads')
    parser.add_argument(
        '--max-time', type=float, help='exit with 1 above this share of the time'
    )
    parser.add_argument(
        '--max-memory', type=float, help='exit with 1 above this share of the memory'
    )
    parser.add_argument('--measure-memory', help=argparse.SUPPRESS)
    return parser


def step_parser(doc: str, size: int, repeat: int) -> argparse.ArgumentParser:
    """A parser with the options of benchmarks of steps, see ``step_timing.py``."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--batch-size', type=int, default=16)
    parser.add_argument('--size', type=int, default=size, help='image side in pixels')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--threads', type=int, default=1, help='CPU threads')
    parser.add_argument('--repeat', type=int, default=repeat, help='timed rounds')
    parser.add_argument(
        '--max-ratio', type=float, help='exit with 1 if the ratio is above this'
    )
    parser.add_argument(
        '--memory', action='store_true', help='measure peak memory in place of time'
    )
    parser.add_argument('--measure-memory', help=argparse.SUPPRESS)
    return parser
