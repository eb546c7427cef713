"""What is odd about the images of a training, and yet no error."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from mmengine.logging import print_log

from ...datasets.wrappers import SourceDataset

__all__ = ['data_remarks', 'log_remarks']


def log_remarks(dataset: Any, told: set[str]) -> None:
    """Log what is odd about the images of a training, unless it is in ``told``."""
    for line in data_remarks(dataset):
        if line not in told:
            told.add(line)
            text = f'train_dataloader: {line}'
            print_log(text, logger='current', level=logging.WARNING)


def data_remarks(dataset: Any) -> Iterator[str]:
    """Say what is odd: images that come twice, classes without a pixel, and the like.

    Args:
        dataset: Dataset of the training, or a concatenation of its sources.

    Yields:
        One line for each oddity: what it is, and the first image or the classes.
    """
    parts = getattr(dataset, 'datasets', [dataset])
    paths = [_paths(part) for part in parts if hasattr(part, 'get_data_info')]
    for images in paths:
        twice = [path for path, count in Counter(images).items() if count > 1]
        if twice:
            yield f'{len(twice)} images are listed more than once, first {twice[0]}'
    yield from filter(None, map(_unused_number, parts))
    yield from _absent_classes(parts)
    sides: dict[bool, list[str]] = {True: [], False: []}
    for part, images in zip(parts, paths, strict=False):
        sides[getattr(part, 'labeled', True)] += images
    both = sorted({*sides[True]} & {*sides[False]})
    if both:
        yield f'{len(both)} labeled images are unlabeled ones, too, first {both[0]}'


def _unused_number(part: Any) -> str | None:
    """A number of labeled images that a list overrules."""
    partition = getattr(part, 'partition', None)
    if partition is None or part.draws or not part.labeled or not partition.number:
        return None
    if partition.number == len(part):
        return None
    return (
        f'partition.number={partition.number} draws nothing, since there is a list of '
        f'{len(part)} labeled images in {partition.folder}: give another folder to draw'
    )


def _absent_classes(parts: Sequence[Any]) -> Iterator[str]:
    """Classes of which the labels of a source have no pixel."""
    # Wrappers that derive from it look for the classes of their own settings.
    own_kind = [part for part in parts if type(part) is SourceDataset]
    counted = [p for p in own_kind if p.counts_masks and p.metainfo.get('classes')]
    for source in dict.fromkeys(part.source for part in counted):
        own = [part for part in counted if part.source == source]
        pixels = np.concatenate([part.class_pixels() for part in own]).sum(0)
        classes = own[0].metainfo['classes']
        absent = [c for c, n in zip(classes, pixels, strict=True) if not n]
        if absent:
            yield (
                f'source {source!r} has no pixel of {", ".join(absent)}: nothing is '
                'learned of them from it'
            )


def _paths(dataset: Any) -> list[str]:
    return [dataset.get_data_info(i)['img_path'] for i in range(len(dataset))]
