"""Metrics, registered into ``mmseg.registry.METRICS``."""

from .checked_iou_metric import CheckedIoUMetric
from .clustering_iou_metric import ClusteringIoUMetric, clustering_metrics
from .dense_crf_metric import DenseCRFMetric
from .grouped_iou_metric import GroupedIoUMetric
from .image_label_f1_metric import ImageLabelF1Metric
from .linear_probe_iou_metric import LinearProbeIoUMetric
from .map_iou_metric import MapIoUMetric
from .squashed_clustering_iou_metric import SquashedClusteringIoUMetric

__all__ = [
    'CheckedIoUMetric',
    'ClusteringIoUMetric',
    'DenseCRFMetric',
    'GroupedIoUMetric',
    'ImageLabelF1Metric',
    'LinearProbeIoUMetric',
    'MapIoUMetric',
    'SquashedClusteringIoUMetric',
    'clustering_metrics',
]
