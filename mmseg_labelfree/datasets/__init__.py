"""Data sets, wrappers, samplers and transforms."""

from .camvid import CamVidDataset
from .class_splits import TASKS, ClassTask, get_task
from .demo_voc import DemoVOCDataset
from .incremental import IncrementalDataset
from .samplers import SeededInfiniteSampler, SeededSampler, seeded_draw
from .transforms import MapLabels

__all__ = [
    'TASKS',
    'CamVidDataset',
    'ClassTask',
    'DemoVOCDataset',
    'IncrementalDataset',
    'MapLabels',
    'SeededInfiniteSampler',
    'SeededSampler',
    'get_task',
    'seeded_draw',
]
