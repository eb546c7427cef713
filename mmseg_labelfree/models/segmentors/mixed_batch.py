"""A batch of labeled and unlabeled samples, taken apart."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from mmengine.logging import print_log
from mmseg.utils import SampleList
from torch import Tensor

from ...ops.compiling import untraced

__all__ = [
    'MissingSources',
    'MixedBatch',
    'real_pixels',
    'rows_by_source',
    'split_batch',
    'take_rows',
]


@dataclass(frozen=True)
class MixedBatch:
    """The labeled and the unlabeled part of a batch, as the loader made them.

    Attributes:
        labeled: Images ``(L, 3, H, W)``, normalized.
        labeled_samples: Their L samples, with labels.
        labeled_sources: Name of the source of each of them.
        unlabeled: Images ``(U, 3, H, W)``: the weak views.
        unlabeled_samples: Their U samples.
        unlabeled_sources: Name of the source of each of them.
    """

    labeled: Tensor
    labeled_samples: SampleList
    labeled_sources: list[str]
    unlabeled: Tensor
    unlabeled_samples: SampleList
    unlabeled_sources: list[str]

    @property
    def num_labeled(self) -> int:
        """L."""
        return len(self.labeled_samples)

    @property
    def num_unlabeled(self) -> int:
        """U."""
        return len(self.unlabeled_samples)

    def truth(self) -> Tensor:
        """Ground truth of the labeled images, int64 ``(L, H, W)``, 255 = ignored."""
        maps = [sample.gt_sem_seg.data[0] for sample in self.labeled_samples]
        if not maps:
            empty = (0, *self.labeled.shape[2:])
            return self.labeled.new_zeros(empty, dtype=torch.long)
        return torch.stack(maps).to(self.labeled.device)


@untraced
def split_batch(
    inputs: Tensor,
    data_samples: SampleList,
    labeled_sources: Sequence[str],
    unlabeled_sources: Sequence[str],
) -> MixedBatch:
    """Take a batch apart by the ``source`` of its samples.

    Args:
        inputs: Images ``(N, 3, H, W)``.
        data_samples: Their samples. One without ``source`` counts as one of the first
            labeled source, so that ordinary datasets work.
        labeled_sources: Names of the sources whose labels are used.
        unlabeled_sources: Names of the others.

    Raises:
        ValueError: A sample has another source.
    """
    default = next(iter(labeled_sources), 'labeled')
    sources = [sample.metainfo.get('source') for sample in data_samples]
    labeled, unlabeled = [], []
    for index, source in enumerate(sources):
        if source is None or source in labeled_sources:
            labeled.append(index)
        elif source in unlabeled_sources:
            unlabeled.append(index)
        else:
            raise ValueError(
                f'a sample has the source {source!r}, but the model knows '
                f'labeled_sources={list(labeled_sources)} and '
                f'unlabeled_sources={list(unlabeled_sources)}; add it to one of them'
            )
    return MixedBatch(
        labeled=take_rows(inputs, labeled),
        labeled_samples=[data_samples[i] for i in labeled],
        labeled_sources=[sources[i] or default for i in labeled],
        unlabeled=take_rows(inputs, unlabeled),
        unlabeled_samples=[data_samples[i] for i in unlabeled],
        unlabeled_sources=[sources[i] for i in unlabeled],
    )


class MissingSources:
    """Reporter that logs once that batches lack labeled or unlabeled samples."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    @untraced
    def report(self, kind: str, num: int, sources: Collection[str]) -> None:
        """Log a warning if ``num``, the samples of this kind in a batch, is 0.

        Not if ``sources`` is empty: then none are expected.
        """
        if num or not sources or kind in self._told:
            return
        self._told.add(kind)
        print_log(
            f'A batch has no sample of the {kind} sources {list(sources)} and '
            f'gives no {kind} loss. MultiSourceSampler draws from every source in '
            'each batch.',
            logger='current',
            level=logging.WARNING,
        )


def rows_by_source(
    sources: Sequence[str], order: Sequence[str]
) -> dict[str, list[int]]:
    """Rows of each source that a batch has.

    Args:
        sources: Name of the source of each row.
        order: Names in the order of the result; others follow.

    Example:
        >>> rows_by_source(['clean', 'base', 'clean'], order=['base', 'clean', 'x'])
        {'base': [1], 'clean': [0, 2]}
    """
    rows: dict[str, list[int]] = {name: [] for name in order}
    for row, source in enumerate(sources):
        rows.setdefault(source, []).append(row)
    return {name: members for name, members in rows.items() if members}


def take_rows(values: Tensor, indices: Sequence[int]) -> Tensor:
    """Rows of a tensor; a view where they follow each other.

    Other than ``values[indices]`` this never waits for the device.
    """
    start = indices[0] if indices else 0
    if list(indices) == list(range(start, start + len(indices))):
        return values[start : start + len(indices)]
    return torch.stack([values[i] for i in indices])


def real_pixels(images: Tensor, data_samples: SampleList) -> Tensor:
    """Where a batch shows an image, and not padding.

    Padding by the data preprocessor is known from ``img_shape``, padding in the
    pipeline from the field ``padding`` (see
    :class:`~mmseg_labelfree.datasets.SourceDataset`).

    Args:
        images: ``(N, C, H, W)``, for size and device.
        data_samples: Their samples.

    Returns:
        Bool ``(N, H, W)``.
    """
    num, _, height, width = images.shape
    real = torch.zeros((num, height, width), dtype=torch.bool, device=images.device)
    for mask, sample in zip(real, data_samples, strict=True):
        h, w = sample.metainfo.get('img_shape', (height, width))[:2]
        mask[:h, :w] = True
        if 'padding' in sample:
            padding = sample.padding.data[0]
            h, w = padding.shape
            mask[:h, :w] &= ~padding
    return real
