"""Data sets, wrappers, samplers and transforms."""

from .camvid import CamVidDataset
from .cityscapes27 import Cityscapes27Dataset
from .class_embeddings import class_embeddings
from .class_splits import TASKS, ClassTask, get_task
from .coco_objects import COCOObjectDataset
from .coco_stuff27 import COCOStuff27Dataset
from .demo_voc import DemoVOCDataset
from .incremental import IncrementalDataset
from .multi_source_sampler import MultiSourceSampler
from .novel_class import NovelClassDataset
from .novel_folds import FOLDS, get_fold
from .partitions import choose_labeled
from .samplers import SeededInfiniteSampler, SeededSampler, seeded_draw
from .transforms import MapLabels
from .unlabeled import SourceDataset
from .zero_label import ZeroLabelDataset
from .zero_label_splits import SPLITS, ZeroLabelSplit, get_split

__all__ = [
    'TASKS',
    'COCOObjectDataset',
    'COCOStuff27Dataset',
    'CamVidDataset',
    'Cityscapes27Dataset',
    'ClassTask',
    'DemoVOCDataset',
    'FOLDS',
    'IncrementalDataset',
    'MapLabels',
    'MultiSourceSampler',
    'NovelClassDataset',
    'SPLITS',
    'SeededInfiniteSampler',
    'SeededSampler',
    'SourceDataset',
    'ZeroLabelDataset',
    'ZeroLabelSplit',
    'choose_labeled',
    'class_embeddings',
    'get_fold',
    'get_split',
    'get_task',
    'seeded_draw',
]
