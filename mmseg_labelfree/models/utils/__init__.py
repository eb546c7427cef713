"""Parts that several segmentors, hooks and jobs share."""

from .activation_labeler import ActivationLabeler, image_colors
from .hard_pixel_sampler import HardPixelSampler
from .image_labels import image_boxes, image_labels, inside_boxes
from .pseudo_label_generator import PseudoLabelGenerator
from .strong_view import StrongView

__all__ = [
    'ActivationLabeler',
    'HardPixelSampler',
    'PseudoLabelGenerator',
    'StrongView',
    'image_boxes',
    'image_colors',
    'image_labels',
    'inside_boxes',
]
