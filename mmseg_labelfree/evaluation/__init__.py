"""Metrics, registered into ``mmseg.registry.METRICS``."""

from .grouped_iou_metric import GroupedIoUMetric

__all__ = ['GroupedIoUMetric']
