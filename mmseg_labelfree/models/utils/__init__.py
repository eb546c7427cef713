"""Parts that several segmentors share."""

from .ema_teacher import WeightAverage, copy_student, ramped_momentum
from .frozen_teacher import FrozenTeacherMixin
from .memory_bank import PrototypeMemoryBank
from .strong_view import StrongView
from .summed_aspp import SummedASPP

__all__ = [
    'FrozenTeacherMixin',
    'PrototypeMemoryBank',
    'StrongView',
    'SummedASPP',
    'WeightAverage',
    'copy_student',
    'ramped_momentum',
]
