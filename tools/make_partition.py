r"""Write lists of a dataset's labeled and unlabeled training images.

Writes ``labeled.txt`` and ``unlabeled.txt``, lists for ``ann_file``, into a folder
beside the dataset's own list, and prints the lines that use them. Labeled are some by a
draw, those with a mask, or those of a list:

    python tools/make_partition.py CONFIG --ratio 1/8
    python tools/make_partition.py CONFIG --number 92 --seed 1 --balanced
    python tools/make_partition.py CONFIG --with-mask
    python tools/make_partition.py CONFIG --lists LABELED [UNLABELED]

``--lists`` reads the lists that authors publish: names or paths, with or without
ending, with or without the mask behind, or indices (.npy) into the images. Without
UNLABELED all other images are unlabeled. ``--source unlabeled`` splits the images of
that source, ``--out FOLDER`` writes there.

The 'classic' VOC partitions draw the labeled images from VOC's own training list, and
leave all others of trainaug unlabeled:

    python tools/make_partition.py configs/u2pl/deeplabv3plus_r101_voc-classic_92.py \
        --ann-file ImageSets/Segmentation/trainaug.txt \
        --labeled-from ImageSets/Segmentation/train.txt --number 92 \
        --out data/VOCdevkit/VOC2012/ImageSets/Segmentation/classic_92
"""

import argparse
import copy
import os
import os.path as osp
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any


def share(text: str) -> Fraction:
    """A share of images, as ``1/8`` or ``0.125``."""
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise argparse.ArgumentTypeError(
            f'{text!r} is no share of the images: write one as 1/8 or 0.125'
        ) from None


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument('config', help='config file with a train_dataloader')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action='extend',
        help='settings that replace those of the config, as key=value',
    )
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument('--ratio', type=share, help='labeled share, as 1/8 or 0.125')
    kind.add_argument('--number', type=int, help='number of labeled images')
    kind.add_argument(
        '--with-mask', action='store_true', help='labeled are the images with a mask'
    )
    kind.add_argument(
        '--lists',
        nargs='+',
        metavar='FILE',
        help='labeled are the images of a list, unlabeled those of a second one',
    )
    parser.add_argument('--seed', type=int, default=0, help='seed of the draw')
    parser.add_argument(
        '--balanced',
        action='store_true',
        help='give rare classes as many labeled images as possible (reads all masks)',
    )
    parser.add_argument(
        '--ann-file', help="list of all images; default the dataset's own ann_file"
    )
    parser.add_argument(
        '--labeled-from',
        help='list (relative to the data root) of the images that may get labels; '
        'default all; a --ratio is a share of these',
    )
    parser.add_argument(
        '--source', help='source to split, if the config has several; default the first'
    )
    parser.add_argument('--out', help='folder for the lists')
    args = parser.parse_args(argv)
    if args.lists and len(args.lists) > 2:
        parser.error('--lists takes one or two files')
    if (args.labeled_from or args.balanced) and (args.lists or args.with_mask):
        parser.error('--labeled-from and --balanced are for --ratio or --number')
    return args


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import mmseg_labelfree  # noqa: F401, before mmseg, which remarks on itself

# isort: split
import numpy as np
from mmseg.datasets import BaseSegDataset

from mmseg_labelfree.datasets.splits.partition import Partition, names_of
from mmseg_labelfree.datasets.splits.step_images import read_image_list
from mmseg_labelfree.datasets.wrappers.inner import build_inner, explain_missing
from mmseg_labelfree.utils.command_line import exit_code, read_config
from mmseg_labelfree.utils.files import write_text


def inner_config(dataset: dict, source: str | None) -> dict:
    """Config of the ``BaseSegDataset`` inside wrappers.

    Raises:
        ValueError: There is no such source.
    """
    if 'datasets' in dataset:
        parts = [d for d in dataset['datasets'] if source in (None, d.get('source'))]
        if not parts:
            names = [d.get('source') for d in dataset['datasets']]
            raise ValueError(f'no source {source!r} in the config; there are {names}')
        return inner_config(parts[0], None)
    if 'dataset' in dataset:
        inner = dataset['dataset']
        if dataset.get('partition'):
            inner = Partition(**dataset['partition']).of_all(inner)
        return inner_config(inner, None)
    return copy.deepcopy(dict(dataset))


def build(config: dict[str, Any], ann_file: str | None) -> BaseSegDataset:
    """Build a dataset that has read its list."""
    config = dict(config, lazy_init=True)
    if ann_file is not None:
        config['ann_file'] = ann_file
    dataset = build_inner(config)
    with explain_missing(dataset):
        dataset.full_init()
    return dataset


def drawn(args: argparse.Namespace, dataset: BaseSegDataset) -> np.ndarray:
    """Which images are labeled by a draw, bool ``(N,)``."""
    candidates = None
    if args.labeled_from is not None:
        path = Path(dataset.data_root or '.', args.labeled_from)
        candidates = read_image_list(path, names_of(dataset))
    words = Partition(
        number=args.number, ratio=args.ratio, balanced=args.balanced, seed=args.seed
    )
    return words.labeled(dataset, dataset.pipeline, candidates)


def with_mask(dataset: BaseSegDataset) -> np.ndarray:
    """Which images have a mask, bool ``(N,)``."""
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return np.array([osp.isfile(info.get('seg_map_path', '')) for info in infos])


def listed(path: str, config: dict[str, Any], dataset: BaseSegDataset) -> np.ndarray:
    """Which images are in a list of any format that circulates, bool ``(N,)``."""
    names = names_of(dataset)
    found = np.zeros(len(names), bool)
    if path.endswith('.npy'):
        found[read_image_list(path, names)] = True
        return found
    wanted = set(names_of(build(config, osp.abspath(path))))
    if strange := sorted(wanted - set(names)):
        raise ValueError(
            f'{path} names {len(strange)} images that are not in the list of all '
            f'images, first {strange[0]}: give another --ann-file'
        )
    return np.array([name in wanted for name in names])


def split(args: argparse.Namespace, config: dict, dataset: BaseSegDataset) -> dict:
    """Which images each list gets.

    Raises:
        ValueError: A list would be empty, or two lists have an image in common.
    """
    if args.lists:
        labeled, *others = (listed(path, config, dataset) for path in args.lists)
        unlabeled = others[0] if others else ~labeled
        if both := (labeled & unlabeled).sum():
            raise ValueError(f'{both} images are in both of {" and ".join(args.lists)}')
    else:
        labeled = with_mask(dataset) if args.with_mask else drawn(args, dataset)
        unlabeled = ~labeled
    for name, part in (('labeled', labeled), ('unlabeled', unlabeled)):
        if not part.any():
            raise ValueError(
                f'no image would be {name}, of {len(part)} in {dataset.data_root}: '
                'nothing is written; check the folders of images and masks'
            )
    return dict(labeled=labeled, unlabeled=unlabeled)


def default_folder(dataset: BaseSegDataset, args: argparse.Namespace) -> Path:
    """A folder beside the dataset's list, named after the draw."""
    beside = Path(dataset.ann_file or Path(dataset.data_root or '.') / 'train.txt')
    if args.lists or args.with_mask:
        kind = Path(args.lists[0]).stem if args.lists else 'with-mask'
        return beside.with_name(f'{beside.stem}_{kind}')
    size = f'{args.number}' if args.number else f'{args.ratio}'.replace('/', '-')
    balanced = '_balanced' if args.balanced else ''
    return beside.with_name(f'{beside.stem}_{size}{balanced}_seed{args.seed}')


def write(args: argparse.Namespace) -> None:
    """Write the lists that the command line asks for, and print their use."""
    cfg = read_config(args)
    config = inner_config(cfg.train_dataloader.dataset, args.source)
    dataset = build(config, args.ann_file)
    parts = split(args, config, dataset)
    names = names_of(dataset)
    out = Path(args.out or default_folder(dataset, args))
    for name, part in parts.items():
        lines = [n for n, kept in zip(names, part, strict=True) if kept]
        path = out / f'{name}.txt'
        write_text(path, ''.join(f'{line}\n' for line in lines))
        shown = os.path.relpath(path, dataset.data_root or '.')
        print(f'{name}: {len(lines)} images, ann_file={shown!r}')


def main(argv: Sequence[str] | None = None) -> int:
    """Write the lists that the command line asks for; returns 0."""
    write(parse_args(argv))
    return 0


if __name__ == '__main__':
    sys.exit(exit_code(main))
