"""A batch of labelled and unlabelled samples, taken apart."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from mmengine.logging import print_log
from mmseg.utils import SampleList
from torch import Tensor

__all__ = ['MissingSources', 'MixedBatch', 'real_pixels', 'split_batch']


@dataclass
class MixedBatch:
    """The two parts of a batch, and what the steps of a training step add to it.

    Attributes:
        labeled: Images ``(L, 3, H, W)``, normalised.
        labeled_samples: Their L samples, with labels.
        unlabeled: Images ``(U, 3, H, W)`` as the loader made them: the weak view.
        unlabeled_samples: Their U samples.
        strong: Images ``(U, 3, H, W)`` for the student; the weak view until then.
        labels: int64 ``(U, H, W)``, pseudo-labels of ``strong``, 255 = ignored.
        weights: Float ``(U, H, W)``, weights of its pixels in the loss, or None.
        masks: Bool ``(U, H, W)``, where the mixing took the other image, or None.
        extra: What a subclass hands from one step to a later one.
    """

    labeled: Tensor
    labeled_samples: SampleList
    unlabeled: Tensor
    unlabeled_samples: SampleList
    strong: Tensor
    labels: Tensor | None = None
    weights: Tensor | None = None
    masks: Tensor | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def num_labeled(self) -> int:
        """L."""
        return len(self.labeled_samples)

    @property
    def num_unlabeled(self) -> int:
        """U."""
        return len(self.unlabeled_samples)

    def student_inputs(self) -> Tensor:
        """Labelled images, then strong views ``(L + U, 3, H, W)``."""
        if not self.num_unlabeled:
            return self.labeled
        if not self.num_labeled:
            return self.strong
        return torch.cat([self.labeled, self.strong])

    def truth(self) -> Tensor:
        """Ground truth of the labelled images, int64 ``(L, H, W)``."""
        maps = [sample.gt_sem_seg.data[0] for sample in self.labeled_samples]
        if not maps:
            empty = (0, *self.labeled.shape[2:])
            return self.labeled.new_zeros(empty, dtype=torch.long)
        return torch.stack(maps).to(self.labeled.device)

    def without_unlabeled(self) -> 'MixedBatch':
        """The labelled part alone."""
        none = self.unlabeled[:0]
        return MixedBatch(self.labeled, self.labeled_samples, none, [], none)


def split_batch(
    inputs: Tensor,
    data_samples: SampleList,
    labeled_sources: Collection[str],
    unlabeled_sources: Collection[str],
) -> MixedBatch:
    """Take a batch apart by the ``source`` of its samples.

    Args:
        inputs: Images ``(N, 3, H, W)``.
        data_samples: Their samples. One without ``source`` counts as labelled, so that
            ordinary data sets work.
        labeled_sources: Names of the sources whose labels are used.
        unlabeled_sources: Names of the others.

    Raises:
        ValueError: A sample has another source.
    """
    labeled, unlabeled = [], []
    for index, sample in enumerate(data_samples):
        source = sample.metainfo.get('source')
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
    weak = _take(inputs, unlabeled)
    return MixedBatch(
        labeled=_take(inputs, labeled),
        labeled_samples=[data_samples[i] for i in labeled],
        unlabeled=weak,
        unlabeled_samples=[data_samples[i] for i in unlabeled],
        strong=weak,
    )


class MissingSources:
    """Says once that batches come without labelled or unlabelled samples."""

    def __init__(self) -> None:
        self._told: set[str] = set()

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


def _take(values: Tensor, indices: Sequence[int]) -> Tensor:
    """Rows of a tensor; a view where they follow each other."""
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
