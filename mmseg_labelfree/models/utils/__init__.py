"""Parts that several segmentors, hooks and jobs share."""

from .pseudo_label_generator import PseudoLabelGenerator
from .strong_view import StrongView

__all__ = ['PseudoLabelGenerator', 'StrongView']
