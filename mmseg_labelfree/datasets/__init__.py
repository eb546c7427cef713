"""Data sets, wrappers, samplers and transforms."""

from .camvid import CamVidDataset
from .class_splits import TASKS, ClassTask, get_task
from .demo_voc import DemoVOCDataset
from .incremental import IncrementalDataset
from .multi_source_sampler import MultiSourceSampler
from .partitions import choose_labeled
from .samplers import SeededInfiniteSampler, SeededSampler, seeded_draw
from .transforms import MapLabels
from .unlabeled import SourceDataset

__all__ = [
    'TASKS',
    'CamVidDataset',
    'ClassTask',
    'DemoVOCDataset',
    'IncrementalDataset',
    'MapLabels',
    'MultiSourceSampler',
    'SeededInfiniteSampler',
    'SeededSampler',
    'SourceDataset',
    'choose_labeled',
    'get_task',
    'seeded_draw',
]
