"""Points and scribbles: read from the public files, or simulated from full masks."""

from .load_point_annotations import LoadPointAnnotations
from .load_scribble_annotations import LoadScribbleAnnotations
from .simulate_points import SimulatePoints
from .simulate_scribbles import SimulateScribbles

__all__ = [
    'LoadPointAnnotations',
    'LoadScribbleAnnotations',
    'SimulatePoints',
    'SimulateScribbles',
]
