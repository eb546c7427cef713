"""The generated demo data: its classes, the drawing of scenes, the dataset."""

from .classes import class_attributes, plan_scenes
from .dataset import DemoVOCDataset, write_demo_voc
from .scenes import render_scene

__all__ = [
    'DemoVOCDataset',
    'class_attributes',
    'plan_scenes',
    'render_scene',
    'write_demo_voc',
]
