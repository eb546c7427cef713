"""Time the class index on generated masks of 500x375, beside a literal version.

    python tools/benchmarks/class_index.py --masks 10000

Masks are palette PNGs with a few polygons and a void border each, like those of VOC.
They are written to a temporary folder. The literal version opens each mask and calls
``np.unique`` on it, one after the other; it runs on a subset.
"""

import argparse
import tempfile
import time
from pathlib import Path


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--masks', type=int, default=10000, help='number of masks')
    parser.add_argument('--different', type=int, default=1000, help='distinct masks')
    parser.add_argument('--subset', type=int, default=1000, help='for the literal one')
    parser.add_argument('--workers', type=int, nargs='+', default=[1, 2])
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import cv2
import numpy as np
from PIL import Image

from mmseg_labelfree.datasets.class_index import class_index


def write_mask(path: Path, rng: np.random.Generator) -> None:
    """Write one mask with one to five polygons."""
    mask = np.zeros((375, 500), np.uint8)
    for label in rng.integers(1, 21, rng.integers(1, 6)):
        center = rng.uniform((0, 0), (500, 375))
        angles = np.sort(rng.uniform(0, 2 * np.pi, 40))
        radii = rng.uniform(40, 120, (40, 1))
        around = np.stack([np.cos(angles), np.sin(angles)], 1)
        points = (center + radii * around).astype(np.int32)
        cv2.fillPoly(mask, [points], int(label))
        cv2.polylines(mask, [points], True, 255, 3)
    image = Image.fromarray(mask)
    image.putpalette(bytes(range(256)) * 3)
    image.save(path)


def literal(paths: list[Path]) -> list[dict[int, int]]:
    """Classes and pixel counts of each mask by ``np.unique``, one mask at a time."""
    counts = []
    for path in paths:
        values, numbers = np.unique(np.array(Image.open(path)), return_counts=True)
        counts.append(dict(zip(values.tolist(), numbers.tolist(), strict=True)))
    return counts


def main() -> None:
    """Write masks, time both versions, compare their results."""
    args = parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f'{i:06d}.png') for i in range(args.masks)]
        for path in paths[: args.different]:
            write_mask(path, rng)
        for i, path in enumerate(paths[args.different :]):
            path.write_bytes(paths[i % args.different].read_bytes())
        subset = paths[: args.subset]
        start = time.perf_counter()
        expected = literal(subset)
        slow = (time.perf_counter() - start) / len(subset)
        print(f'literal: {1e3 * slow:.2f} ms per mask (on {len(subset)} masks)')
        for workers in args.workers:
            start = time.perf_counter()
            counts = class_index(paths, cache=False, workers=workers)
            seconds = time.perf_counter() - start
            print(
                f'class_index, {workers} threads: {seconds:.1f} s for {len(paths)} '
                f'masks, {1e3 * seconds / len(paths):.2f} ms per mask, '
                f'{slow * len(paths) / seconds:.1f} times as fast as the literal one'
            )
        found = [{int(v): int(row[v]) for v in np.flatnonzero(row)} for row in counts]
        if found[: len(subset)] != expected:
            raise SystemExit('class_index and the literal version differ')


if __name__ == '__main__':
    main()
