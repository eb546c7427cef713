"""Numbers of training images per step in the authors' own splits.

Read from the lists that MiB's authors ship. VOC: 10582 images of trainaug. ADE20K: the
splits are a partition of the 20196 training images that hold a class; there are lists
for the orders a and b, none for c.
"""

from collections.abc import Mapping
from typing import Any

from .class_tasks import ClassTask

__all__ = [
    'FOLD_COUNTS',
    'VOC_IMAGES',
    'expected_counts',
    'expected_fold_counts',
    'expected_images',
]

VOC_IMAGES = 10582
ADE_IMAGES = 20210
ADE_TOTAL = 20196

COUNTS = {
    ('voc_19-1', 'disjoint'): (10034, 548),
    ('voc_19-1', 'overlapped'): (10410, 548),
    ('voc_15-5', 'disjoint'): (8437, 2145),
    ('voc_15-5', 'overlapped'): (9568, 2145),
    ('voc_15-1', 'disjoint'): (8437, 378, 299, 420, 500, 548),
    ('voc_15-1', 'overlapped'): (9568, 487, 299, 491, 500, 548),
    ('ade20k_100-50', 'partition'): (13452, 6744),
    ('ade20k_100-10', 'partition'): (13452, 1130, 1200, 1366, 1550, 1498),
    ('ade20k_50-50', 'partition'): (8219, 6384, 5593),
    ('ade20k_100-50b', 'partition'): (10375, 9821),
    ('ade20k_100-10b', 'partition'): (10375, 1362, 1346, 2084, 2609, 2420),
    ('ade20k_50-50b', 'partition'): (6659, 7483, 6054),
}

# Sizes of the lists that EUMS' authors ship: training images with a novel class; with
# base classes alone; with a base class, for base training; and validation images with a
# base class. VOC: trainaug. COCO: the 82081 images of train2014 with annotations.
COCO_IMAGES = 82081
FOLD_COUNTS = {
    'pascal-5i_fold0': dict(novel=2836, base=7746, mixed=8829, val=1165),
    'pascal-5i_fold1': dict(novel=3604, base=6978, mixed=8713, val=1194),
    'pascal-5i_fold2': dict(novel=5542, base=5040, mixed=7679, val=1129),
    'pascal-5i_fold3': dict(novel=2145, base=8437, mixed=9568, val=1240),
    'coco-20i_fold0': dict(novel=60602, mixed=62515),
    'coco-20i_fold1': dict(novel=35683, mixed=77860),
    'coco-20i_fold2': dict(novel=26320, mixed=78457),
    'coco-20i_fold3': dict(novel=26892, mixed=76902),
}

# Images of whole datasets, for training and for validation.
DATASET_IMAGES = {
    'CityscapesDataset': (2975, 500),
    'GTADataset': (24966, None),
    'SynthiaDataset': (9400, None),
}


def expected_fold_counts(fold: ClassTask, num_images: int) -> dict[str, int]:
    """Look up the known numbers of images of a fold's parts.

    Args:
        fold: The fold.
        num_images: Images of the whole training set, to tell whether it is the one
            that the numbers are for.

    Returns:
        Numbers by part ('novel', 'base', 'mixed', 'val'), of those that are known.
    """
    known = {'pascal-5i': VOC_IMAGES, 'coco-20i': COCO_IMAGES}
    if num_images != known.get(fold.name.partition('_')[0]):
        return {}
    return FOLD_COUNTS.get(fold.name, {})


def expected_counts(
    task: ClassTask, setup: str, num_images: int, official: bool, reordered: bool
) -> tuple[tuple[int, ...] | None, int | None]:
    """Look up the known numbers of training images of a task's steps.

    Args:
        task: The task.
        setup: Setup of the training images, see ``IncrementalDataset``.
        num_images: Images of the whole training set, to tell whether it is the one
            that the numbers are for.
        official: Whether the images come from the authors' lists or by the rule of
            their partition, and are not drawn.
        reordered: Whether the classes are not in the order of the table.

    Returns:
        Images of each step and their sum, each None where it is not known.
    """
    if reordered:
        return None, None
    if task.name.startswith('voc_') and num_images == VOC_IMAGES:
        counts = COUNTS.get((task.name, setup))
        return counts, sum(counts) if counts else None
    if task.name.startswith('ade20k_') and num_images == ADE_IMAGES:
        if official:
            return COUNTS.get((task.name, 'partition')), ADE_TOTAL
        if setup == 'partition':
            return None, ADE_TOTAL
    return None, None


def expected_images(dataset: Mapping[str, Any], training: bool) -> int | None:
    """Look up the known number of images of a dataset.

    Args:
        dataset: Its config, wrapped or not.
        training: Whether its images are for training, or else for validation.

    Returns:
        The number, or None where it is not known or the config chooses some images.

    Example:
        >>> expected_images(dict(type='GTADataset'), training=True)
        24966
    """
    while 'dataset' in dataset:
        dataset = dataset['dataset']
    if dataset.get('ann_file') or dataset.get('indices') is not None:
        return None
    train, val = DATASET_IMAGES.get(dataset['type'], (None, None))
    return train if training else val
