"""Dataset wrappers: sources, steps, folds and splits of a dataset."""

from .concat_dataset import ConcatDataset
from .image_label_dataset import ImageLabelDataset
from .incremental_dataset import IncrementalDataset
from .novel_class_dataset import NovelClassDataset
from .source_dataset import SourceDataset
from .zero_label_dataset import ZeroLabelDataset

__all__ = [
    'ImageLabelDataset',
    'ConcatDataset',
    'IncrementalDataset',
    'NovelClassDataset',
    'SourceDataset',
    'ZeroLabelDataset',
]
