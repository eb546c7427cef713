"""Metric of clusters at one size for all images."""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from mmseg.registry import METRICS
from torch import Tensor

from ..utils.choices import check_range
from .clustering_iou_metric import ClusteringIoUMetric

__all__ = ['SquashedClusteringIoUMetric', 'squash']


@METRICS.register_module()
class SquashedClusteringIoUMetric(ClusteringIoUMetric):
    """Metric like :class:`ClusteringIoUMetric`, with all images resized to one size.

    The final evaluation of IDDC's code: both are resized to 320x320 by the nearest
    pixel, whatever their aspect, so that every image counts alike. Masks of
    ``output_dir`` have that size, too.

    Args:
        num_clusters: As for :class:`ClusteringIoUMetric`.
        size: Height and width, in pixels.
        **kwargs: As for :class:`ClusteringIoUMetric`.

    Example:
        ``val_evaluator=dict(type='SquashedClusteringIoUMetric', num_clusters=27)``
    """

    def __init__(
        self, num_clusters: int, size: tuple[int, int] = (320, 320), **kwargs
    ) -> None:
        super().__init__(num_clusters, **kwargs)
        check_range(1, height=size[0], width=size[1])
        self.size = size

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Resize, then count."""
        squashed = [squash(sample, self.size) for sample in data_samples]
        super().process(data_batch, squashed)


def squash(sample: dict, size: tuple[int, int]) -> dict:
    """Resize ``pred_sem_seg`` and, if there is one, ``gt_sem_seg`` of a prediction.

    Args:
        sample: Prediction as metrics see it; the maps are int64 ``(1, H, W)``.
        size: Height and width to resize to, by the nearest pixel.
    """
    maps = {'pred_sem_seg', 'gt_sem_seg'} & {*sample}
    resized = {k: dict(data=_nearest(sample[k]['data'], size)) for k in maps}
    return {**sample, **resized}


def _nearest(labels: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(labels[None].float(), size, mode='nearest')[0].long()
