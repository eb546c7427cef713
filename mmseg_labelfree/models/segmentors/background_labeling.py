"""Segmentor of a step whose background the previous model labels."""

import math
from collections.abc import Mapping
from typing import Any, Literal

import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import SampleList
from torch import Tensor

from ...ops.entropy import softmax_entropy
from ...ops.entropy_thresholds import (
    count_entropies,
    label_background,
    median_thresholds,
    official_entropy,
    official_thresholds,
)
from ...ops.strips import striped_map
from ...utils.choices import check_choice
from ..utils.head_checks import needs_weighted_head
from .incremental import IncrementalEncoderDecoder

BINS = dict(median=10_000, official=100)


@MODELS.register_module()
class BackgroundLabelingEncoderDecoder(IncrementalEncoderDecoder):
    r"""Segmentor that fills in a step's background with the old model's labels.

    In a later step the objects of old classes are background. PLOP
    (https://arxiv.org/abs/2011.11390) gives these pixels the old model's class where
    its entropy is below the class's threshold and leaves the others out, then
    weights each image's losses of the decode head by the share of its background that
    was labeled. :class:`~mmseg_labelfree.engine.hooks.EntropyThresholdHook`, which a
    later step needs, finds the thresholds before training. All else,
    :class:`~mmseg_labelfree.models.losses.LocalPODLoss` among it, is that of the base
    class; there is a teacher if there is a ``distillation``.

    Args:
        thresholds: 'median', the paper's: the median entropy of each class among the
            background pixels of the step's images. 'official': what the authors'
            code finds with 100 bins, see
            :func:`~mmseg_labelfree.ops.entropy_thresholds.official_thresholds`.
        least_threshold: Lower bound of the thresholds: with 'median' a share of the
            largest entropy, with 'official' of what the code takes for that. Defaults
            to 0.001, the code's.
        **kwargs: As for :class:`IncrementalEncoderDecoder`.

    Raises:
        ValueError: ``thresholds`` is unknown, or the decode head's losses weigh no
            pixels.

    Example:
        ``model=dict(type='BackgroundLabelingEncoderDecoder',
        distillation=[dict(type='LocalPODLoss')])`` and
        ``custom_hooks=[dict(type='EntropyThresholdHook')]``
    """

    def __init__(
        self,
        *args: Any,
        thresholds: Literal['median', 'official'] = 'median',
        least_threshold: float = 0.001,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        needs_weighted_head(type(self).__name__, self.decode_head)
        check_choice('thresholds', thresholds, tuple(BINS))
        self.kind = thresholds
        self.least_threshold = least_threshold
        self.thresholds: Tensor | None = None

    @property
    def needed_hook(self) -> str | None:
        """The hook that finds the thresholds, in a step with a teacher."""
        return 'EntropyThresholdHook' if self.distillation else None

    def new_counts(self) -> Tensor:
        """Counts (old classes, bins) of no pixel, to which :meth:`count` is added."""
        num_old = self.teacher.num_classes
        return next(self.parameters()).new_zeros(num_old, BINS[self.kind])

    def count(self, inputs: Tensor, data_samples: SampleList) -> Tensor:
        """Count the background pixels of a batch by old class and entropy.

        Args:
            inputs: Preprocessed images (N, 3, H, W).
            data_samples: N samples with ``gt_sem_seg`` (1, H, W).

        Returns:
            float32 (old classes, bins), to be added up for :meth:`set_counts`.
        """
        with torch.no_grad():
            logits = self.teacher(inputs, mode='tensor')
        labels = _labels(data_samples)
        classes, entropy = self._predictions(logits, labels)
        num_old = logits.shape[1]
        counted = labels == 0
        return count_entropies(entropy, classes, counted, num_old, BINS[self.kind])

    def set_counts(self, counts: Tensor) -> None:
        """Set the thresholds by the counts of all batches."""
        find = median_thresholds if self.kind == 'median' else official_thresholds
        self.thresholds = find(counts, self.least_threshold)

    def targets(
        self, data_samples: SampleList, teacher: Mapping[str, Any]
    ) -> tuple[SampleList, Tensor | None]:
        """Fill in the background; the factor of an image's pixels is its share.

        Raises:
            RuntimeError: There are no thresholds.
        """
        if not teacher:
            return data_samples, None
        if self.thresholds is None:
            raise RuntimeError(
                f'{type(self).__name__} has no thresholds: add '
                "dict(type='EntropyThresholdHook') to custom_hooks"
            )
        labels = _labels(data_samples)
        classes, entropy = self._predictions(teacher['logits'], labels)
        filled = label_background(labels, classes, entropy, self.thresholds)
        samples = [
            _with_labels(*x) for x in zip(data_samples, filled.labels, strict=True)
        ]
        return samples, filled.share[:, None, None].expand_as(labels)

    def _predictions(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        """The old model's classes and entropies, in the unit of the thresholds."""
        num_old = logits.shape[1]
        unit = 1 / math.log(num_old)
        if self.kind == 'official':
            unit = official_entropy(1 / math.log(self.num_classes), num_old)
        return striped_map(
            lambda x: (x.max(1).indices, softmax_entropy(x) * unit),
            [logits],
            labels.shape[1:],
            align_corners=self.align_corners,
        )


def _labels(data_samples: SampleList) -> Tensor:
    return torch.cat([sample.gt_sem_seg.data for sample in data_samples])


def _with_labels(sample: SegDataSample, labels: Tensor) -> SegDataSample:
    """A sample with other labels ``(H, W)``; the given one stays as it is."""
    changed = SegDataSample(metainfo=sample.metainfo)
    changed.gt_sem_seg = PixelData(data=labels[None])
    return changed
