"""Metric of the linear probe beside a clustering."""

from collections.abc import Sequence
from typing import Any

from mmseg.registry import METRICS

from ..utils.choices import check_range
from .checked_iou_metric import CheckedIoUMetric
from .squashed_clustering_iou_metric import squash


@METRICS.register_module()
class LinearProbeIoUMetric(CheckedIoUMetric):
    """Metric that scores ``probe_sem_seg``, the prediction of a linear probe.

    Args:
        size: Resize predictions and labels to this height and width first, as
            ``SquashedClusteringIoUMetric`` does.
        prefix: Prefix of the names of the metrics.
        **kwargs: As for :class:`CheckedIoUMetric`.

    Raises:
        ValueError: The segmentor has no probe.

    Example:
        ``val_evaluator=[dict(type='ClusteringIoUMetric', num_clusters=27),
        dict(type='LinearProbeIoUMetric')]``
    """

    def __init__(
        self, size: tuple[int, int] | None = None, prefix: str = 'probe', **kwargs
    ) -> None:
        super().__init__(prefix=prefix, **kwargs)
        if size is not None:
            check_range(1, height=size[0], width=size[1])
        self.size = size

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Count the areas of the probe's predictions."""
        samples = []
        for sample in data_samples:
            if 'probe_sem_seg' not in sample:
                raise ValueError(
                    'LinearProbeIoUMetric: the predictions have no probe_sem_seg; give '
                    'the DiscriminativeClusteringSegmentor an auxiliary_head, or take '
                    'the metric out'
                )
            sample = {**sample, 'pred_sem_seg': sample['probe_sem_seg']}
            samples.append(squash(sample, self.size) if self.size else sample)
        super().process(data_batch, samples)
