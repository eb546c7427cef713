"""Transforms of single samples."""

from .appearance_shift import AppearanceShift
from .check_mask import CheckMask
from .fill_labels import FillLabels, without_annotations
from .fill_unlabeled import FillUnlabeled, fill_unlabeled
from .label_salient_pixels import LabelSalientPixels
from .load_color_annotations import LoadColorAnnotations
from .load_foreign_annotations import LoadGTAAnnotations, LoadSynthiaAnnotations
from .load_pseudo_annotations import LoadPseudoAnnotations
from .map_labels import MapLabels, insert_map_labels
from .object_mask import ObjectMask
from .overlapping_crop_pair import OverlappingCropPair
from .pipelines import edit_pipeline, transforms_of
from .random_area_crop import RandomAreaCrop
from .random_place_crop import RandomPlaceCrop
from .random_scale import RandomScale
from .rare_class_crop import RareClassCrop
from .score_at_current_size import ScoreAtCurrentSize
from .weak.load_point_annotations import LoadPointAnnotations
from .weak.load_scribble_annotations import LoadScribbleAnnotations
from .weak.simulate_points import SimulatePoints
from .weak.simulate_scribbles import SimulateScribbles

__all__ = [
    'AppearanceShift',
    'CheckMask',
    'FillLabels',
    'FillUnlabeled',
    'LabelSalientPixels',
    'LoadColorAnnotations',
    'LoadGTAAnnotations',
    'LoadPointAnnotations',
    'LoadPseudoAnnotations',
    'LoadScribbleAnnotations',
    'LoadSynthiaAnnotations',
    'MapLabels',
    'ObjectMask',
    'OverlappingCropPair',
    'RandomAreaCrop',
    'RareClassCrop',
    'RandomPlaceCrop',
    'RandomScale',
    'ScoreAtCurrentSize',
    'SimulatePoints',
    'SimulateScribbles',
    'edit_pipeline',
    'transforms_of',
    'fill_unlabeled',
    'insert_map_labels',
    'without_annotations',
]
