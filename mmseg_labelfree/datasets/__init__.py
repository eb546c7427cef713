"""Datasets, wrappers, samplers and transforms."""

from .camvid import CamVidDataset
from .cityscapes27 import Cityscapes27Dataset
from .class_embeddings import class_embeddings
from .coco_objects import COCOObjectDataset
from .coco_stuff27 import COCOStuff27Dataset
from .demo_voc.dataset import DemoVOCDataset
from .folder import FolderDataset
from .gta import GTADataset
from .image_labels import read_image_labels
from .samplers.multi_source import MultiSourceSampler
from .samplers.seeded import SeededInfiniteSampler, SeededSampler, seeded_draw
from .splits.class_tasks import TASKS, ClassTask, get_task
from .splits.labeled_subsets import choose_labeled
from .splits.novel_folds import FOLDS, get_fold
from .splits.partition import Partition
from .splits.zero_label_splits import SPLITS, ZeroLabelSplit, get_split
from .synthia import SynthiaDataset
from .transforms import MapLabels
from .wrappers.concat_dataset import ConcatDataset
from .wrappers.image_label_dataset import ImageLabelDataset
from .wrappers.incremental_dataset import IncrementalDataset
from .wrappers.novel_class_dataset import NovelClassDataset
from .wrappers.source_dataset import SourceDataset
from .wrappers.zero_label_dataset import ZeroLabelDataset

__all__ = [
    'TASKS',
    'COCOObjectDataset',
    'COCOStuff27Dataset',
    'CamVidDataset',
    'Cityscapes27Dataset',
    'ClassTask',
    'ConcatDataset',
    'DemoVOCDataset',
    'FOLDS',
    'FolderDataset',
    'GTADataset',
    'ImageLabelDataset',
    'IncrementalDataset',
    'MapLabels',
    'MultiSourceSampler',
    'Partition',
    'NovelClassDataset',
    'SPLITS',
    'SeededInfiniteSampler',
    'SeededSampler',
    'SourceDataset',
    'SynthiaDataset',
    'ZeroLabelDataset',
    'ZeroLabelSplit',
    'choose_labeled',
    'class_embeddings',
    'get_fold',
    'get_split',
    'get_task',
    'read_image_labels',
    'seeded_draw',
]
