"""Transforms of single samples."""

from .fill_unlabeled import FillUnlabeled, fill_unlabeled
from .load_point_annotations import LoadPointAnnotations
from .load_pseudo_annotations import LoadPseudoAnnotations
from .load_scribble_annotations import LoadScribbleAnnotations
from .map_labels import MapLabels, insert_map_labels
from .object_mask import ObjectMask
from .overlapping_crop_pair import OverlappingCropPair
from .pipelines import edit_pipeline
from .random_area_crop import RandomAreaCrop
from .score_at_current_size import ScoreAtCurrentSize
from .simulate_points import SimulatePoints
from .simulate_scribbles import SimulateScribbles
from .unlabeled import FillLabels, without_annotations

__all__ = [
    'FillLabels',
    'FillUnlabeled',
    'LoadPointAnnotations',
    'LoadPseudoAnnotations',
    'LoadScribbleAnnotations',
    'MapLabels',
    'ObjectMask',
    'OverlappingCropPair',
    'RandomAreaCrop',
    'ScoreAtCurrentSize',
    'SimulatePoints',
    'SimulateScribbles',
    'edit_pipeline',
    'fill_unlabeled',
    'insert_map_labels',
    'without_annotations',
]
