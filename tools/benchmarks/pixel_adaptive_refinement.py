"""Time and peak memory of pixel-adaptive refinement against the literal version.

``literal`` makes all neighbors of all pixels as one tensor (``unfold``), of the colors
once and of the masks in each iteration; ``ours`` goes strip by strip over a few images.
The results have to agree to 1e-4: the squares of standard deviations of colors that
are nearly equal lose digits in float32 in both.

Time and memory are explained in ``loss_step.py``. The last line sets the memory beside
input and output, of which it should be at most twice as much.

Example:
    python tools/benchmarks/pixel_adaptive_refinement.py --max-time 0.33
"""

import argparse
import sys
from pathlib import Path

from benchmark_parsers import loss_parser


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = loss_parser(__doc__)
    parser.add_argument('--images', type=int, default=8)
    parser.add_argument('--masks', type=int, default=3, help='masks of an image')
    parser.add_argument('--size', type=int, default=256, help='side of the images')
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import peak_memory
import torch
import torch.nn.functional as F
from loss_step import compare

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

DILATIONS = (1, 2, 4, 8, 12, 24)
ITERATIONS = 10


def make_inputs(args, size):
    """Smooth images, with noise, and masks of the same size."""
    torch.manual_seed(0)
    small = torch.rand(args.images, 3, 8, 8, device=args.device)
    images = F.interpolate(small, (size, size), mode='bicubic').clamp_(0, 1)
    images += 0.05 * torch.rand_like(images)
    return images, torch.rand(args.images, args.masks, size, size, device=args.device)


def neighbors(values):
    """The 8 neighbors at each dilation, ``(N, K, 48, H, W)``."""
    num, channels, *size = values.shape
    found = []
    for d in DILATIONS:
        padded = F.pad(values, (d,) * 4, mode='replicate')
        windows = F.unfold(padded, 3, dilation=d).view(num, channels, 9, *size)
        found.append(windows[:, :, [0, 1, 2, 3, 5, 6, 7, 8]])
    return torch.cat(found, 2)


def literal(images, masks):
    """The equations as they stand."""
    around = neighbors(images)
    deviation = around.std(2, keepdim=True)
    gap = (around - images[:, :, None]).abs()
    alike = -((gap / (deviation + 1e-8) / 0.3) ** 2).mean(1, keepdim=True)
    ring = [2**0.5, 1, 2**0.5, 1, 1, 2**0.5, 1, 2**0.5]
    distance = torch.tensor([d * r for d in DILATIONS for r in ring])
    distance = distance.to(images).view(1, 1, -1, 1, 1)
    near = -((distance / (distance.std() + 1e-8) / 0.3) ** 2)
    weights = alike.softmax(2) + 0.01 * near.softmax(2)
    for _ in range(ITERATIONS):
        masks = (neighbors(masks) * weights).sum(2)
    return masks


def ours(images, masks):
    """What the package uses."""
    from mmseg_labelfree.ops import pixel_adaptive_refinement

    return pixel_adaptive_refinement(images, masks, DILATIONS, ITERATIONS)


VERSIONS = dict(literal=literal, ours=ours)


def check(expected, found):
    """Values."""
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def main() -> int:
    """Print the table; 1 if a ratio exceeds its limit."""
    args = parse_args()

    def make_step(name, size):
        inputs = make_inputs(args, size)
        return lambda: VERSIONS[name](*inputs)

    status = compare(
        args,
        list(VERSIONS),
        lambda names: {name: make_step(name, args.size) for name in names},
        lambda name: make_step(name, 64),
        check,
        f'{args.images} images of {args.size} x {args.size}, {args.masks} masks each, '
        f'{ITERATIONS} iterations, on {args.device}, threads: {args.threads}',
    )
    if not args.measure_memory:
        values = args.images * (3 + 2 * args.masks) * args.size**2
        print(f'input and output: {4 * values / peak_memory.MIB:.1f} MiB')
    return status


if __name__ == '__main__':
    sys.exit(main())
