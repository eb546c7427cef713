"""Datasets around a dataset: sources, steps, folds and splits of it."""

from .incremental_dataset import IncrementalDataset
from .novel_class_dataset import NovelClassDataset
from .source_dataset import SourceDataset
from .zero_label_dataset import ZeroLabelDataset

__all__ = [
    'IncrementalDataset',
    'NovelClassDataset',
    'SourceDataset',
    'ZeroLabelDataset',
]
