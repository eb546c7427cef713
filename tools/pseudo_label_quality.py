"""How many pixels of unseen classes get a pseudo-label, and how many a right one.

Labels training images with one model and several sets of views and compares with the
labels that training hides:

- ``labeled``: share of the unseen classes' pixels that has a pseudo-label;
- ``right``: share of these labels that is right, over all and by class;
- ``elsewhere``: share of all pseudo-labels that lies where no unseen class is.

Nothing of this is known in a real application; it explains results on known data.

Example::

    python tools/pseudo_label_quality.py configs/strict/demo_voc_15-5.py \
        work_dirs/demo_voc_15-5/spnet --views none mirror mirror+up --images 60
"""

import argparse
import copy
import sys


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument('config', help='config of a SelfTrainingProtocol')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action='extend',
        help='settings that replace those of the config, as key=value',
    )
    parser.add_argument('checkpoint', help='checkpoint, or stage folder, of a model')
    parser.add_argument('--views', nargs='+', default=['none', 'mirror', 'mirror+up'])
    parser.add_argument('--images', type=int, default=60, help='the first ones')
    return parser.parse_args(argv)


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import numpy as np
import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmseg.registry import DATASETS

import mmseg_labelfree  # noqa: F401  (registers the components, mends `mmseg::` bases)
from mmseg_labelfree.datasets.samplers.seeded import seed_everything
from mmseg_labelfree.engine.jobs import PseudoLabelJob
from mmseg_labelfree.engine.jobs.pseudo_label_job import whole_images
from mmseg_labelfree.engine.protocols import build_protocol
from mmseg_labelfree.models.utils.stage_model import load_stage_model
from mmseg_labelfree.utils.command_line import exit_code, read_config


def confusion(
    cfg: Config, checkpoint: str, views: list[str], images: int
) -> dict[str, np.ndarray]:
    """Pixels by truth and pseudo-label, for each set of views.

    Args:
        cfg: Config of a round.
        checkpoint: The model that labels.
        views: Names of sets of views.
        images: How many training images.

    Returns:
        int64 ``(U + 1, U + 1)`` by name: the U unseen classes, then no unseen class
        (rows) or no pseudo-label (columns).
    """
    hidden = whole_images(DATASETS.build(cfg.train_dataloader.dataset))
    known = copy.deepcopy(cfg.train_dataloader.dataset)
    known.dataset.test_mode = True
    known = whole_images(DATASETS.build(known))
    model = load_stage_model(checkpoint, cfg.model).to(get_device()).eval()
    background = cfg.model.background
    first = len(known.metainfo['classes']) - len(known.metainfo['unseen'])
    size = len(known.metainfo['unseen']) + 1

    def row(labels: np.ndarray) -> np.ndarray:
        unseen = (labels >= first) & (labels < first + size - 1)
        return np.where(unseen, labels.astype(np.int64) - first, size - 1)

    counts = {name: np.zeros((size, size), np.int64) for name in views}
    for name, table in counts.items():
        job = PseudoLabelJob(checkpoint, dict(views=name), background)
        for index in range(min(images, len(hidden))):
            seed_everything((0, index))
            labels = job.label_image(model, hidden[index], cfg)
            truth = known[index]['data_samples'].gt_sem_seg.data[0].numpy()
            pairs = row(truth) * size + row(labels)
            table += np.bincount(pairs.flat, minlength=size**2).reshape(size, size)
    return counts


@torch.no_grad()
def main(argv: list[str] | None = None) -> None:
    """Print a Markdown table with a row for each set of views."""
    args = parse_args(argv)
    cfg = read_config(args)
    cfg.work_dir = 'work_dirs/pseudo_label_quality'
    cfg = build_protocol(cfg).stages(cfg)[-1].cfg
    unseen = cfg.model.decode_head.get('unseen')
    if not unseen:
        raise ValueError(f'{args.config} has no unseen classes: this is for STRICT')
    columns = ['views', 'labeled', 'right', 'elsewhere', *unseen]
    print('|', ' | '.join(columns), '|')
    print('|---|' + '---:|' * (len(columns) - 1))
    for name, table in confusion(cfg, args.checkpoint, args.views, args.images).items():
        labeled, right = table[:-1, :-1].sum(1), np.diag(table)[:-1]
        shares = [
            (labeled.sum(), table[:-1].sum()),
            (right.sum(), labeled.sum()),
            (table[-1, :-1].sum(), table[:, :-1].sum()),
            *zip(right, labeled, strict=True),
        ]
        values = [f'{100 * a / b:.1f}' if b else '' for a, b in shares]
        print('|', ' | '.join([name, *values]), '|')


if __name__ == '__main__':
    sys.exit(exit_code(main))
