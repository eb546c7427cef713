"""Metrics, registered into ``mmseg.registry.METRICS``."""

from .checked_iou_metric import CheckedIoUMetric
from .clustering_iou_metric import ClusteringIoUMetric
from .dense_crf_metric import DenseCRFMetric
from .grouped_iou_metric import GroupedIoUMetric
from .linear_probe_iou_metric import LinearProbeIoUMetric
from .squashed_clustering_iou_metric import SquashedClusteringIoUMetric

__all__ = [
    'CheckedIoUMetric',
    'ClusteringIoUMetric',
    'DenseCRFMetric',
    'GroupedIoUMetric',
    'LinearProbeIoUMetric',
    'SquashedClusteringIoUMetric',
]
