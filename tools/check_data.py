"""Check the data of a config before training on it.

Prints how many images each part of the data has (the steps of a class-incremental task,
the parts of a fold, the sources of a mixed batch) and compares that with the sizes of
the authors' lists, or of the whole dataset, where those are known. If
training labels are points or scribbles, prints how many images and pixels each class
labels. Annotations that cannot be used (outside the image, of an unknown class, not
readable, missing) are listed and not counted, whatever ``invalid`` in the config says.
So are images and masks that do not exist. With ``--deep`` also opens every one.

    python tools/check_data.py configs/mib/deeplabv3_r101_voc_15-1.py --deep
    python tools/check_data.py configs/eums/deeplabv3_r50_pascal-5i_fold0.py
    python tools/check_data.py configs/mib/fcn_r101_voc_points.py
    python tools/check_data.py CONFIG --cfg-options protocol.setup=disjoint

The exit code is 1 if a number differs from a known one or a fault is found.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument('config', help='any config')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action='extend',
        help='settings that replace those of the config, as key=value',
    )
    parser.add_argument(
        '--deep', action='store_true', help='open every image and mask, compare sizes'
    )
    return parser.parse_args(argv)


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import mmseg_labelfree  # noqa: F401, before mmseg, which remarks on itself

# isort: split
import numpy as np
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import DATASETS
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from mmseg_labelfree.datasets.mask_check import resizes_masks
from mmseg_labelfree.datasets.size_check import check_pair
from mmseg_labelfree.datasets.splits.published_counts import expected_images
from mmseg_labelfree.datasets.transforms.check_mask import turns_photos
from mmseg_labelfree.datasets.transforms.pipelines import transforms_of
from mmseg_labelfree.datasets.transforms.weak.loader import WeakAnnotationLoader
from mmseg_labelfree.datasets.transforms.weak.simulator import WeakLabelSimulator
from mmseg_labelfree.engine.protocols import DataPart, build_protocol, loader_parts
from mmseg_labelfree.utils.command_line import exit_code, read_config

DIFFERENCE = (
    'A different number means that these are not the images or masks of the paper, '
    'so its figures cannot be expected: check the list of images (VOC: trainaug with '
    '10582 names; GTA5: ten archives), the mask folder (SegmentationClassAug, masks '
    'of SBD included) and the class order.'
)

MOST_NAMED = 10  # of missing files


def inner_datasets(dataset: Any) -> Iterator[Any]:
    """The datasets inside of wrappers, in order."""
    if hasattr(dataset, 'datasets'):
        for part in dataset.datasets:
            yield from inner_datasets(part)
    elif hasattr(dataset, 'dataset'):
        yield from inner_datasets(dataset.dataset)
    else:
        yield dataset


def count_images(datasets: Iterable[Any]) -> int:
    """Number of images that the datasets inside of wrappers hold together."""
    return len(
        {
            inner.get_data_info(i)['img_path']
            for dataset in datasets
            for inner in inner_datasets(dataset)
            for i in range(len(inner))
        }
    )


def known_sizes(parts: Iterable[DataPart]) -> dict[str, int]:
    """Numbers of images of the parts that are whole datasets of a known size."""
    sizes = {part.name: expected_images(part.dataset, part.training) for part in parts}
    return {name: size for name, size in sizes.items() if size is not None}


def verdict(found: int, known: int | None) -> str:
    """Compare two numbers: 'ok', '-' or 'expected N'."""
    if known is None:
        return '-'
    return 'ok' if known == found else f'expected {known}'


def report_counts(
    counts: Sequence[tuple[DataPart, int]], known: Mapping[str, int], out: Console
) -> int:
    """Print the number of images of each part; returns how many differ."""
    table = Table()
    for column in ('part', 'what', 'images', 'published', 'classes'):
        table.add_column(column, justify='right' if column == 'images' else 'left')
    verdicts = []
    for part, count in counts:
        verdicts.append(verdict(count, known.get(part.name)))
        classes = ', '.join(part.classes)
        table.add_row(part.name, part.text, str(count), verdicts[-1], classes)
    if 'sum' in known:
        total = sum(count for part, count in counts if part.training)
        verdicts.append(verdict(total, known['sum']))
        table.add_section()
        table.add_row('sum', 'training images', str(total), verdicts[-1], '')
    out.print(table)
    different = sum(text.startswith('expected') for text in verdicts)
    if different:
        out.print(DIFFERENCE)
    return different


def weak_transforms(dataset: Any) -> list:
    """Transforms up to the one that loads or simulates weak labels; none without it."""
    transforms = dataset.pipeline.transforms
    for count, transform in enumerate(transforms, 1):
        if isinstance(transform, WeakAnnotationLoader):
            transform.invalid = 'raise'
        if isinstance(transform, WeakAnnotationLoader | WeakLabelSimulator):
            return transforms[:count]
    return []


def report_weak_labels(dataset: Any, out: Console) -> int:
    """Print what the points or scribbles of a dataset label, if it has such.

    Returns:
        Number of images with annotations that cannot be used.
    """
    transforms = weak_transforms(dataset)
    if not transforms:
        return 0
    pipeline = Compose(transforms)
    images, pixels = np.zeros((2, 256), int)
    empty, faults = 0, []
    for i in track(range(len(dataset)), 'Loading', console=out, transient=True):
        try:
            labels = pipeline(dataset.get_data_info(i))['gt_seg_map']
        except ValueError as error:
            faults.append(str(error))
            continue
        counts = np.bincount(labels.ravel(), minlength=256)
        images += counts > 0
        pixels += counts
        empty += not counts[:254].any()
    out.print(weak_table(dataset.metainfo.get('classes') or (), images, pixels))
    out.print(
        f'{len(dataset)} images, {len(faults)} with faults, {empty} without a label'
    )
    for fault in faults:
        out.print(fault, soft_wrap=True, markup=False)
    return len(faults)


def weak_table(classes: Sequence[str], images: np.ndarray, pixels: np.ndarray) -> Table:
    """Table of the images and pixels of each label, int64 (256,)."""
    table = Table()
    for column in ('label', 'class', 'images', 'pixels'):
        table.add_column(column, justify='left' if column == 'class' else 'right')
    names = dict(enumerate(classes)) | {254: '(unlabeled)', 255: '(ignored)'}
    for label in np.flatnonzero(images).tolist():
        name = names.get(label, '(no class of the dataset)')
        table.add_row(str(label), name, str(images[label]), str(pixels[label]))
    return table


def used_files(dataset: Any) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Image, and mask if the pipeline reads it, of each sample; are photos turned?

    A mask that is resized to its image as it is loaded comes apart from it.
    """
    if hasattr(dataset, 'datasets'):
        for part in dataset.datasets:
            yield from used_files(part)
        return
    (inner,) = inner_datasets(dataset)
    masks = any(isinstance(t, LoadAnnotations) for t in transforms_of(inner.pipeline))
    keys = ('img_path', 'seg_map_path') if masks else ('img_path',)
    turned = turns_photos(inner.pipeline)
    apart = resizes_masks(inner.pipeline)
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        files = tuple(info[key] for key in keys)
        for group in zip(files) if apart else [files]:
            yield group, turned


def find_fault(files: tuple[str, ...], turned: bool = True) -> str | None:
    """Why the image and mask of one sample cannot be used, or None.

    Args:
        files: Image and, if it is used, mask.
        turned: Whether the pipeline turns photos by their EXIF tags.
    """
    for file in files:
        try:
            with Image.open(file) as image:
                image.load()
        except (OSError, SyntaxError, EOFError, ValueError) as error:
            return f'{file} cannot be read: {error}'
    try:
        if len(files) > 1:
            check_pair(files[0], files[1], turned)
    except ValueError as error:
        return str(error)
    return None


def report_missing(datasets: Iterable[Any], out: Console) -> int:
    """Print which images and masks there are none of; returns how many."""
    used = {
        file
        for dataset in datasets
        for files, _ in used_files(dataset)
        for file in files
    }
    missing = sorted(f for f in used if '://' not in f and not Path(f).is_file())
    for file in missing[:MOST_NAMED]:
        out.print(f'{file} does not exist', soft_wrap=True, markup=False)
    if len(missing) > MOST_NAMED:
        out.print(
            f'and {len(missing) - MOST_NAMED} more: correct the paths, or get them'
        )
    return len(missing)


def report_faults(datasets: Iterable[Any], out: Console) -> int:
    """Open all images and masks and print what is wrong; returns how many are."""
    samples = sorted({sample for dataset in datasets for sample in used_files(dataset)})
    with ThreadPoolExecutor() as pool:
        found = track(
            pool.map(lambda sample: find_fault(*sample), samples),
            description=f'Opening {len(samples)} images and masks',
            total=len(samples),
            console=out,
            transient=True,
        )
        faults = [fault for fault in found if fault]
    for fault in faults:
        out.print(fault, soft_wrap=True, markup=False)
    out.print(f'{len(faults)} faulty images or masks.')
    return len(faults)


def build(part: DataPart) -> Any:
    """Build the dataset of a part, in the scope of its stage."""
    init_default_scope(part.scope)
    return DATASETS.build(part.dataset)


def report(cfg: Config, deep: bool, out: Console) -> int:
    """Print what there is to say about the data of a config.

    Returns:
        Number of differences from known numbers and of faults.
    """
    cfg.setdefault('work_dir', 'work_dirs')
    protocol = build_protocol(cfg) if 'protocol' in cfg else None
    parts = protocol.data_parts(cfg) if protocol else loader_parts(cfg)
    data = [(part, build(part)) for part in parts]
    train = [dataset for part, dataset in data if part.training]
    val = [dataset for part, dataset in data if not part.training]
    total = count_images(train)
    known = protocol.known_counts(cfg, total) if protocol else known_sizes(parts)
    found = report_counts([(part, len(dataset)) for part, dataset in data], known, out)
    out.print(
        f'{total} training images in all'
        + (f', {count_images(val)} for validation.' if val else '.')
    )
    for dataset in inner_datasets(train[0]):
        found += report_weak_labels(dataset, out)
    look = report_faults if deep else report_missing
    return found + look([dataset for _, dataset in data], out)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the check; returns the exit code."""
    args = parse_args(argv)
    return exit_code(lambda: report(read_config(args), args.deep, Console()))


if __name__ == '__main__':
    sys.exit(main())
