"""Transforms of single samples."""

from .map_labels import MapLabels, insert_map_labels
from .random_area_crop import RandomAreaCrop
from .score_at_current_size import ScoreAtCurrentSize

__all__ = ['MapLabels', 'RandomAreaCrop', 'ScoreAtCurrentSize', 'insert_map_labels']
