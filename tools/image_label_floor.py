"""Score of guessing: every pixel a random class of its image's own list.

The list of an image is background and its classes. No method of image-level labels
should fall below this mIoU, which nothing was learned for.

Example::

    python tools/image_label_floor.py configs/afa/demo_voc.py
"""

import argparse
import sys


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config whose val_dataloader has image labels')
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args()


if __name__ == '__main__':
    parse_args()  # --help need not wait for the imports below

import numpy as np
import torch
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.evaluation import IoUMetric
from mmseg.registry import DATASETS

import mmseg_labelfree  # noqa: F401
from mmseg_labelfree.utils.command_line import exit_code, read_file


def main() -> None:
    """Guess, score and print."""
    args = parse_args()
    cfg = read_file(args.config)
    init_default_scope('mmseg')
    dataset = DATASETS.build(cfg.val_dataloader.dataset)
    metric = IoUMetric(iou_metrics=['mIoU'])
    metric.dataset_meta = dataset.metainfo
    rng = np.random.default_rng(args.seed)
    for index in range(len(dataset)):
        sample = dataset[index]['data_samples']
        if 'image_labels' not in sample:
            raise ValueError(
                f'the val_dataloader of {args.config} gives no image labels: wrap its '
                'dataset in ImageLabelDataset'
            )
        classes = np.append(0, 1 + np.flatnonzero(sample.image_labels))
        guess = torch.from_numpy(rng.choice(classes, sample.gt_sem_seg.shape))
        sample.pred_sem_seg = PixelData(data=guess[None])
        metric.process({}, [sample.to_dict()])
    found = metric.evaluate(len(dataset))
    print({name: round(float(value), 2) for name, value in found.items()})


if __name__ == '__main__':
    sys.exit(exit_code(main))
