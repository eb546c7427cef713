"""Time the loading of GTA5-sized images with and without rare class sampling.

    python tools/benchmarks/rare_class_sampling.py --images 12 --draws 60

Images of noise with a few regions of 19 classes are written to a temporary folder.
Three loaders take turns: the stock crop, drawn in passes; ``RareClassCrop``, drawn in
passes; and the same with rare class sampling, whose draws are timed apart as well.
Before that, the time to count the classes of all masks, which is done once for a
dataset, and to read the counts back, which each run does.
"""

import argparse
import os
import tempfile
import time
from itertools import islice
from pathlib import Path


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--images', type=int, default=12, help='number of images')
    parser.add_argument('--draws', type=int, default=60, help='timed samples of each')
    parser.add_argument('--size', type=int, nargs=2, default=(1914, 1052))
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import cv2
import numpy as np
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_labelfree.datasets.class_pixels import class_pixels

IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
CROP = dict(crop_size=(512, 512), cat_max_ratio=0.75)


def write_pair(root: Path, number: int, size: tuple[int, int]) -> None:
    """Write an image and its mask, of three large regions and a few small ones."""
    rng = np.random.default_rng(number)
    width, height = size
    mask = np.full((height, width), 7, np.uint8)
    mask[: height // 2] = 11
    for label in rng.choice(IDS, 8, replace=False):
        center = rng.uniform((0, 0), size).astype(int).tolist()
        cv2.circle(mask, center, int(rng.uniform(0.03, 0.15) * width), int(label), -1)
    noise = rng.integers(0, 24, (height, width, 3), np.uint8)
    image = noise + 6 * mask[..., None]
    cv2.imwrite(str(root / f'images/{number:05d}.png'), image)
    labels = Image.fromarray(mask)
    labels.putpalette(bytes(range(256)) * 3)
    labels.save(root / f'labels/{number:05d}.png')


def loader(root: Path, crop: dict, sampling: dict | None) -> dict:
    """Config of a loader in this process, of one image a batch."""
    pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations'),
        dict(type='Resize', scale=(1280, 720), keep_ratio=True),
        crop,
        dict(type='PackSegInputs'),
    ]
    dataset = dict(
        type='GTADataset',
        data_root=str(root),
        data_prefix=dict(img_path='images', seg_map_path='labels'),
        pipeline=pipeline,
    )
    return dict(
        batch_size=1,
        num_workers=0,
        sampler=dict(
            type='MultiSourceSampler',
            source_counts=dict(source=1),
            rare_class_sampling=sampling,
        ),
        dataset=dict(type='SourceDataset', source='source', dataset=dataset),
    )


def main() -> None:
    """Write images, time the three loaders in turns."""
    args = parse_args()
    init_default_scope('mmseg')
    rare = dict(type='RareClassCrop', **CROP)
    sampling = dict(source=dict(min_pixels=1))
    with tempfile.TemporaryDirectory() as folder:
        os.environ['LABELFREE_CACHE'] = f'{folder}/cache'
        for name in ('images', 'labels'):
            Path(folder, name).mkdir()
        for number in range(args.images):
            write_pair(Path(folder), number, args.size)
        configs = [
            loader(Path(folder), crop, policy)
            for crop, policy in (
                (rare, sampling),
                (rare, None),
                (dict(type='RandomCrop', **CROP), None),
            )
        ]
        images = DATASETS.build(configs[0]['dataset']['dataset'])
        for what in ('counting', 'reading the counts'):
            start = time.process_time()
            class_pixels(images)
            seconds = time.process_time() - start
            print(f'{what}: {1e3 * seconds / args.images:.2f} ms a mask')
        built = [Runner.build_dataloader(config, 0) for config in configs]
        draws = islice(iter(built[0].sampler), 1000)
        start = time.process_time()
        number = len(list(draws))
        print(f'draw: {1e3 * (time.process_time() - start) / number:.3f} ms')
        names = ('rare class sampling', 'RareClassCrop', 'RandomCrop')
        streams = [iter(one) for one in built]
        times = np.zeros((args.draws, 3))
        for turn in times:
            for k, stream in enumerate(streams):
                start = time.process_time()
                next(stream)
                turn[k] = time.process_time() - start
    for name, median in zip(names, np.median(times, 0), strict=True):
        print(f'{name}: {1e3 * median:.1f} ms a sample (median of {args.draws})')


if __name__ == '__main__':
    main()
