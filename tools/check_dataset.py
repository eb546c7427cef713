"""Check the data of a class-incremental config before training on it.

Prints the classes and the number of training and validation images of each step, and
compares them with the numbers of the authors' splits where those are known. With
``--deep`` it also opens every image and mask.

    python tools/check_dataset.py configs/mib/deeplabv3_r101_voc_15-1.py
    python tools/check_dataset.py CONFIG --cfg-options protocol.setup=disjoint --deep

The exit code is 1 if a number differs from a known one or ``--deep`` finds a fault.
"""

import argparse
import copy
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from mmengine.config import Config
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from mmseg_labelfree.datasets import TASKS, IncrementalDataset, get_task
from mmseg_labelfree.datasets.splits.published_counts import expected_counts
from mmseg_labelfree.utils.command_line import config_parser, exit_code, read_config

DIFFERENCE = (
    'A different number means that these are not the images or masks of the paper, '
    'so its figures cannot be expected: check the list of images (VOC: trainaug with '
    '10582 names), the mask folder (SegmentationClassAug, masks of SBD included) and '
    'the class order.'
)
SETTINGS = ('task', 'setup', 'class_order', 'image_lists', 'min_images')


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = config_parser(__doc__, 'config file of a class-incremental method')
    parser.add_argument(
        '--deep', action='store_true', help='open every image and mask, compare sizes'
    )
    return parser.parse_args(argv)


def step_config(cfg: Config, loader: str) -> dict:
    """Config of the IncrementalDataset of a loader, with the protocol's settings.

    Raises:
        ValueError: If the config has no task, or validates on training labels.
    """
    dataset = copy.deepcopy(cfg[loader]['dataset'].to_dict())
    if dataset['type'] != 'IncrementalDataset':
        dataset = dict(type='IncrementalDataset', dataset=dataset)
    protocol = cfg.get('protocol') or {}
    dataset.update({key: protocol[key] for key in SETTINGS if key in protocol})
    if 'task' not in dataset:
        raise ValueError(
            f'neither protocol nor {loader}.dataset of the config has a task; this '
            'tool is for class-incremental configs.'
        )
    is_test = dataset['dataset'].get('test_mode', False)
    if is_test != (loader == 'val_dataloader'):
        raise ValueError(
            f'{loader}.dataset.dataset.test_mode is {is_test}, so its labels would be '
            f'those for {"test" if is_test else "training"}; set test_mode='
            f'{not is_test}.'
        )
    dataset.pop('type')
    return dataset


def build_steps(cfg: Config, loader: str) -> list[IncrementalDataset]:
    """Build the dataset of every step of a loader."""
    config = step_config(cfg, loader)
    config.pop('step', None)
    task = get_task(config['task'], config.get('class_order'))
    return [IncrementalDataset(**config, step=step) for step in range(task.num_steps)]


def compare(
    found: Sequence[int], expected: Sequence[int] | None, total: int | None
) -> list[str]:
    """One verdict per step and one for the sum: 'ok', 'unknown' or 'expected N'."""
    known = list(expected or [None] * len(found)) + [total]
    return [
        'unknown' if k is None else 'ok' if k == n else f'expected {k}'
        for n, k in zip([*found, sum(found)], known, strict=True)
    ]


def find_fault(info: dict) -> str | None:
    """Why the image and mask of one sample cannot be used, or None."""
    sizes = []
    for key in ('img_path', 'seg_map_path'):
        try:
            with Image.open(info[key]) as image:
                image.load()
                sizes.append(image.size)
        except (OSError, SyntaxError, EOFError, ValueError) as error:
            return f'{info[key]} cannot be read: {error}'
    if sizes[0] != sizes[1]:
        return (
            f'{info["img_path"]} is {sizes[0][0]}x{sizes[0][1]} but its mask '
            f'{info["seg_map_path"]} is {sizes[1][0]}x{sizes[1][1]}'
        )
    return None


def deep_check(datasets: Sequence[IncrementalDataset], console: Console) -> list[str]:
    """Open all images and masks that some step uses; return what is wrong."""
    used = sorted({int(i) for dataset in datasets for i in dataset.indices})
    infos = [datasets[0].dataset.get_data_info(i) for i in used]
    with ThreadPoolExecutor() as pool:
        faults = track(
            pool.map(find_fault, infos),
            description=f'Opening {len(infos)} images and masks',
            total=len(infos),
            console=console,
            transient=True,
        )
        return [fault for fault in faults if fault]


def report(cfg: Config, deep: bool, console: Console) -> int:
    """Print the tables of a config.

    Returns:
        Number of differences from known numbers and of faults.
    """
    train, val = build_steps(cfg, 'train_dataloader'), None
    if cfg.get('val_dataloader') is not None:
        val = build_steps(cfg, 'val_dataloader')
    task, setup = train[0].task, train[0].setup
    found = [len(dataset) for dataset in train]
    reordered = task.name not in TASKS or task != get_task(task.name)
    has_lists = train[0].image_lists is not None
    expected, total = expected_counts(
        task, setup, len(train[0].dataset), has_lists, reordered
    )
    verdicts = compare(found, expected, total)
    table = Table(title=f'{task.name}, {setup}, {train[0].dataset.data_root}')
    for column in ('step', 'train images', 'known', 'val images', 'new classes'):
        table.add_column(column, justify='left' if 'cl' in column else 'right')
    for step, count in enumerate(found):
        images = str(len(val[step])) if val else '-'
        names = ', '.join(task.new(step))
        table.add_row(str(step), str(count), verdicts[step], images, names)
    table.add_section()
    table.add_row('sum', str(sum(found)), verdicts[-1])
    console.print(table)
    console.print(
        f'{len(train[0].dataset)} training images in all'
        + (f', {len(val[0].dataset)} for validation.' if val else '.')
    )
    different = [v for v in verdicts if v.startswith('expected')]
    if different:
        console.print(DIFFERENCE)
    faults = []
    for datasets in (train, val) if deep else ():
        faults += deep_check(datasets, console) if datasets else []
    for fault in faults:
        console.print(fault, soft_wrap=True, markup=False)
    if deep:
        console.print(f'{len(faults)} faulty images or masks.')
    return len(different) + len(faults)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the check; returns the exit code."""
    args = parse_args(argv)
    return exit_code(lambda: report(read_config(args), args.deep, Console()))


if __name__ == '__main__':
    sys.exit(main())
