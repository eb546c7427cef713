"""Time and peak memory of IDDC's pair loss against the dense one.

One step is the loss of positive pairs and of negative pairs with some rotations of
the batch, and the backward pass into the cluster probabilities. ``dense`` makes the
whole matrix of pairs of each term with torch's autograd, ``ours`` goes block by block.
Both values and gradients are compared.

Time and memory are explained in ``loss_step.py``.

Example:
    python tools/benchmarks/pairwise_affinity.py --max-time 1 --max-memory 0.5
"""

import argparse
import sys
from pathlib import Path

from benchmark_parsers import loss_parser


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = loss_parser(__doc__)
    parser.add_argument('--images', type=int, default=64)
    parser.add_argument('--clusters', type=int, default=27)
    parser.add_argument('--channels', type=int, default=384)
    parser.add_argument('--size', type=int, default=28, help='side of the embeddings')
    parser.add_argument('--negatives', type=int, default=3)
    parser.add_argument('--function', default='exp', help="'exp', 'linear' or 'log'")
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import torch
from loss_step import compare

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

POSITIVE, NEGATIVE = 0.2, 0.12


def make_inputs(args, images, size):
    """Logits (a leaf) and unit embeddings of both crops, with a few kinds of pixels."""
    torch.manual_seed(0)
    shape = (2, images, size, size)
    kinds = torch.randint(args.clusters, shape, device=args.device)
    centers = torch.randn(args.clusters, args.channels, device=args.device)
    units = torch.empty(2, images, args.channels, size * size, device=args.device)
    for crop in range(2):  # in place, image by image: no large temporary
        for index in range(images):
            rows = centers[kinds[crop, index].flatten()]
            rows = rows + torch.randn_like(rows)
            rows = torch.nn.functional.normalize(rows, dim=1)
            units[crop, index] = rows.T
    logits = torch.randn(2, images, args.clusters, size * size, device=args.device)
    return logits.requires_grad_(), units


def dense_loss(args, logits, units, rotations):
    """Eq. 1, 2 and 5 by whole matrices."""
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

    first, second = logits.softmax(2)
    both, function = (first, second, units[0], units[1]), args.function
    positive = positive_pair_loss(*both, POSITIVE, function)
    return positive + negative_pair_loss(*both, rotations, NEGATIVE, function)


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


def check(dense, ours):
    """Values and gradients."""
    for expected, value in zip(dense, ours, strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-3, atol=1e-9)


def main() -> int:
    """Print the table; 1 if a ratio exceeds its limit."""
    args = parse_args()

    def make_steps(names):
        inputs = make_inputs(args, args.images, args.size)
        return {name: make_step(args, name, inputs) for name in names}

    return compare(
        args,
        list(LOSSES),
        make_steps,
        lambda name: make_step(args, name, make_inputs(args, args.negatives + 1, 4)),
        check,
        f'{args.images} images of {args.size} x {args.size} x {args.channels}, '
        f'{args.clusters} clusters, {args.negatives} negatives, {args.function}, on '
        f'{args.device}: loss and backward pass',
    )


if __name__ == '__main__':
    sys.exit(main())
