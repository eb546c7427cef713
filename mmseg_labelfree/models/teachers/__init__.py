"""Teachers: how a segmentor carries one, and how one follows its student."""

from .ema import WeightAverage, copy_student, ramped_momentum
from .mixin import FrozenTeacherMixin

__all__ = ['FrozenTeacherMixin', 'WeightAverage', 'copy_student', 'ramped_momentum']
