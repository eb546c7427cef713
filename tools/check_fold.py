"""Check the data of a novel class discovery config before training on it.

Prints how many images each part of the fold has, computed from the masks, and compares
them with the sizes of the authors' lists where those are known.

    python tools/check_fold.py configs/eums/deeplabv3_r50_pascal-5i_fold0.py

The exit code is 1 if a number differs from a known one.
"""

import sys
from collections.abc import Sequence

from mmengine.config import Config
from rich.console import Console
from rich.table import Table

from mmseg_labelfree.datasets import NovelClassDataset
from mmseg_labelfree.datasets.splits.published_counts import expected_fold_counts
from mmseg_labelfree.utils.command_line import config_parser, exit_code, read_config

PARTS = {
    'mixed': ('train', 'a base class: base training', dict(mixed_images=True)),
    'base': ('train', 'base classes and no novel one', dict()),
    'novel': ('train', 'a novel class', dict(subset='novel')),
    'val': ('val', 'a base class', dict(mixed_images=True)),
}
DIFFERENCE = (
    'A different number means that these are not the images or masks of the paper, so '
    'its figures cannot be expected: check the list of images (VOC: trainaug with '
    '10582 names) and the mask folder (SegmentationClassAug, masks of SBD included).'
)


def report(cfg: Config, console: Console) -> int:
    """Print the table of a config.

    Returns:
        Number of differences from known numbers.

    Raises:
        ValueError: The config has no fold, or a part of it has no image.
    """
    fold = (cfg.get('protocol') or {}).get('fold')
    if fold is None:
        raise ValueError(
            f'{cfg.filename} has no protocol.fold: this tool is for configs of novel '
            'class discovery'
        )
    found, total = {}, 0
    for name, (split, _, settings) in PARTS.items():
        part = cfg[f'{split}_dataloader'].dataset.to_dict()
        part.pop('type')
        part |= dict(subset='base', fold=fold) | settings
        dataset = NovelClassDataset(**part)
        found[name] = len(dataset)
        total = len(dataset.dataset) if split == 'train' else total
        task = dataset.task
    known = expected_fold_counts(task, total)
    table = Table(title=f'{task.name}, novel: {", ".join(task.new(1))}')
    for column in ('split', 'images with', 'found', 'known'):
        table.add_column(column, justify='right' if column == 'found' else 'left')
    for name, (split, text, _) in PARTS.items():
        verdict = 'unknown' if name not in known else 'ok'
        if known.get(name, found[name]) != found[name]:
            verdict = f'expected {known[name]}'
        table.add_row(split, text, str(found[name]), verdict)
    console.print(table)
    console.print(f'{total} training images in all.')
    different = sum(known.get(name, n) != n for name, n in found.items())
    if different:
        console.print(DIFFERENCE)
    return different


def main(argv: Sequence[str] | None = None) -> int:
    """Run the check; returns the exit code."""
    parser = config_parser(__doc__, 'config file with a NovelClassDiscoveryProtocol')
    args = parser.parse_args(argv)
    return exit_code(lambda: report(read_config(args), Console()))


if __name__ == '__main__':
    sys.exit(main())
