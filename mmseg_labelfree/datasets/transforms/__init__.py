"""Transforms of single samples."""

from .load_point_annotations import LoadPointAnnotations
from .load_scribble_annotations import LoadScribbleAnnotations
from .map_labels import MapLabels, insert_map_labels
from .pipelines import edit_pipeline
from .random_area_crop import RandomAreaCrop
from .score_at_current_size import ScoreAtCurrentSize
from .simulate_points import SimulatePoints
from .simulate_scribbles import SimulateScribbles
from .unlabeled import FillLabels, without_annotations

__all__ = [
    'FillLabels',
    'LoadPointAnnotations',
    'LoadScribbleAnnotations',
    'MapLabels',
    'RandomAreaCrop',
    'ScoreAtCurrentSize',
    'SimulatePoints',
    'SimulateScribbles',
    'edit_pipeline',
    'insert_map_labels',
    'without_annotations',
]
