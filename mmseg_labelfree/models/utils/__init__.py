"""Parts that several segmentors share."""

from .ema_teacher import WeightAverage, copy_student, ramped_momentum
from .frozen_teacher import FrozenTeacherMixin
from .memory_bank import PrototypeMemoryBank
from .pseudo_label_generator import PseudoLabelGenerator
from .semantic_projection import SemanticProjection
from .strong_view import StrongView
from .summed_aspp import SummedASPP

__all__ = [
    'FrozenTeacherMixin',
    'PrototypeMemoryBank',
    'PseudoLabelGenerator',
    'SemanticProjection',
    'StrongView',
    'SummedASPP',
    'WeightAverage',
    'copy_student',
    'ramped_momentum',
]
