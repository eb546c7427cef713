"""Metrics, registered into ``mmseg.registry.METRICS``."""

from .dense_crf_metric import DenseCRFMetric
from .grouped_iou_metric import GroupedIoUMetric

__all__ = ['DenseCRFMetric', 'GroupedIoUMetric']
