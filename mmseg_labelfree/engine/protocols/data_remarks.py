"""What is odd about the images of a training, and yet no error."""

import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

from mmengine.logging import print_log

__all__ = ['data_remarks', 'log_remarks']


def log_remarks(dataset: Any, told: set[str]) -> None:
    """Log what is odd about the images of a training, unless it is in ``told``."""
    for line in data_remarks(dataset):
        if line not in told:
            told.add(line)
            text = f'train_dataloader: {line}'
            print_log(text, logger='current', level=logging.WARNING)


def data_remarks(dataset: Any) -> Iterator[str]:
    """Say which images come twice, or are labeled and unlabeled, and what draws none.

    Args:
        dataset: Dataset of the training, or a concatenation of its sources.

    Yields:
        One line for each oddity: what it is, and the first image.
    """
    parts = getattr(dataset, 'datasets', [dataset])
    paths = [_paths(part) for part in parts if hasattr(part, 'get_data_info')]
    for images in paths:
        twice = [path for path, count in Counter(images).items() if count > 1]
        if twice:
            yield f'{len(twice)} images are listed more than once, first {twice[0]}'
    yield from filter(None, map(_unused_number, parts))
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


def _paths(dataset: Any) -> list[str]:
    return [dataset.get_data_info(i)['img_path'] for i in range(len(dataset))]
