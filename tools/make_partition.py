r"""Split a dataset's training images into labeled and unlabeled ones.

Writes ``labeled.txt`` and ``unlabeled.txt``, lists for ``ann_file``, into a folder
beside the dataset's own list, and prints the lines that use them.

    python tools/make_partition.py CONFIG --ratio 1/8
    python tools/make_partition.py CONFIG --number 92 --seed 1 --balanced
    python tools/make_partition.py CONFIG --source unlabeled --ratio 1/16 --out FOLDER

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
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from mmseg_labelfree.datasets.mask_check import count_values
from mmseg_labelfree.datasets.splits.labeled_subsets import choose_labeled
from mmseg_labelfree.datasets.splits.step_images import class_presence, read_image_list
from mmseg_labelfree.datasets.wrappers.inner import build_inner, explain_missing
from mmseg_labelfree.utils.command_line import config_parser, read_config
from mmseg_labelfree.utils.files import write_text


def share(text: str) -> Fraction:
    """A share of images, as ``1/8`` or ``0.125``."""
    try:
        return Fraction(text)
    except ZeroDivisionError:
        raise ValueError(f'{text} is no share') from None


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = config_parser(__doc__, 'config file with a train_dataloader')
    size = parser.add_mutually_exclusive_group(required=True)
    size.add_argument('--ratio', type=share, help='labeled share, as 1/8 or 0.125')
    size.add_argument('--number', type=int, help='number of labeled images')
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
    return parser.parse_args(argv)


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
        return inner_config(dataset['dataset'], None)
    return copy.deepcopy(dict(dataset))


def main(argv: Sequence[str] | None = None) -> None:
    """Write the lists that the command line asks for."""
    args = parse_args(argv)
    cfg = read_config(args)
    inner = inner_config(cfg.train_dataloader.dataset, args.source)
    inner['lazy_init'] = True
    if args.ann_file is not None:
        inner['ann_file'] = args.ann_file
    dataset = build_inner(inner)
    with explain_missing(dataset):
        dataset.full_init()
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    folder = dataset.data_prefix['img_path']
    names = [
        osp.relpath(info['img_path'], folder).removesuffix(dataset.img_suffix)
        for info in infos
    ]
    candidates = np.arange(len(names))
    if args.labeled_from is not None:
        path = Path(dataset.data_root or '.', args.labeled_from)
        candidates = read_image_list(path, names)
    number = args.number or round(args.ratio * len(candidates))
    present = None
    if args.balanced:
        counts, raw_labels = count_values(dataset, dataset.pipeline)
        labels = list(range(len(dataset.metainfo['classes'])))
        present = class_presence(counts, raw_labels, labels)[candidates]
    labeled = np.zeros(len(names), bool)
    chosen = choose_labeled(len(candidates), number, args.seed, present)
    labeled[candidates[chosen]] = True

    out = Path(args.out or default_folder(dataset, args))
    out.mkdir(parents=True, exist_ok=True)
    root = dataset.data_root or '.'
    for name, part in (('labeled', labeled), ('unlabeled', ~labeled)):
        lines = [n for n, kept in zip(names, part, strict=True) if kept]
        path = out / f'{name}.txt'
        write_text(path, ''.join(f'{line}\n' for line in lines))
        shown = os.path.relpath(path, root)
        print(f'{name}: {len(lines)} images, ann_file={shown!r}')


def default_folder(dataset, args: argparse.Namespace) -> Path:
    """A folder beside the dataset's list, named after the draw."""
    listed = Path(dataset.ann_file or Path(dataset.data_root or '.') / 'train.txt')
    size = f'{args.number}' if args.number else f'{args.ratio}'.replace('/', '-')
    kind = '_balanced' if args.balanced else ''
    return listed.with_name(f'{listed.stem}_{size}{kind}_seed{args.seed}')


if __name__ == '__main__':
    main()
