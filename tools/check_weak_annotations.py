"""Check the points or scribbles of a config before training on them.

Loads the annotations of every training image, as the training would, and prints how
many images and pixels each class labels. Images with annotations that cannot be used
(outside the image, of an unknown class, not readable, missing) are listed and not
counted, whatever ``invalid`` in the config says.

    python tools/check_weak_annotations.py configs/mib/fcn_r101_voc_points.py
    python tools/check_weak_annotations.py CONFIG --cfg-options train_dataloader...

The exit code is 1 if an image is listed.
"""

import copy
import sys
from collections.abc import Sequence

import numpy as np
from mmengine.config import Config
from mmengine.dataset import Compose
from mmseg.registry import DATASETS
from rich.console import Console
from rich.progress import track
from rich.table import Table

from mmseg_labelfree.datasets.transforms.weak.loader import WeakAnnotationLoader
from mmseg_labelfree.datasets.transforms.weak.simulator import WeakLabelSimulator
from mmseg_labelfree.utils.command_line import config_parser, exit_code, read_config


def weak_part(pipeline: Compose) -> list:
    """The transforms up to the one that loads or simulates weak labels.

    Raises:
        ValueError: If there is none.
    """
    for count, transform in enumerate(pipeline.transforms, 1):
        if isinstance(transform, WeakAnnotationLoader):
            transform.invalid = 'raise'
        if isinstance(transform, WeakAnnotationLoader | WeakLabelSimulator):
            return pipeline.transforms[:count]
    raise ValueError(
        'the training pipeline neither loads nor simulates points or scribbles'
    )


def report(cfg: Config, console: Console) -> int:
    """Print the table of a config.

    Returns:
        Number of images with annotations that cannot be used.
    """
    config = copy.deepcopy(cfg.train_dataloader.dataset)
    while 'pipeline' not in config and 'dataset' in config:
        config = config.dataset
    dataset = DATASETS.build(config)
    pipeline = Compose(weak_part(dataset.pipeline))
    images, pixels = np.zeros((2, 256), int)
    empty, faults = 0, []
    for i in track(range(len(dataset)), 'Loading', console=console, transient=True):
        try:
            labels = pipeline(dataset.get_data_info(i))['gt_seg_map']
        except ValueError as error:
            faults.append(str(error))
            continue
        counts = np.bincount(labels.ravel(), minlength=256)
        images += counts > 0
        pixels += counts
        empty += not counts[:254].any()

    table = Table()
    for column in ('label', 'class', 'images', 'pixels'):
        table.add_column(column, justify='left' if column == 'class' else 'right')
    names = dict(enumerate(dataset.metainfo.get('classes') or ()))
    names |= {254: '(unlabeled)', 255: '(ignored)'}
    for label in np.flatnonzero(images).tolist():
        name = names.get(label, '(no class of the dataset)')
        table.add_row(str(label), name, str(images[label]), str(pixels[label]))
    console.print(table)
    console.print(
        f'{len(dataset)} images, {len(faults)} with faults, {empty} without a label'
    )
    for fault in faults:
        console.print(fault, soft_wrap=True, markup=False)
    return len(faults)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the check; returns the exit code."""
    args = config_parser(__doc__, 'config file with weak labels').parse_args(argv)
    return exit_code(lambda: report(read_config(args), Console()))


if __name__ == '__main__':
    sys.exit(main())
