"""Teachers: how a segmentor carries one, and how one follows its student."""

from .ema import WeightAverage, copy_student, ramped_momentum
from .mixin import TEACHER_MODES, TeacherMixin, networks_of

__all__ = [
    'TEACHER_MODES',
    'TeacherMixin',
    'WeightAverage',
    'copy_student',
    'networks_of',
    'ramped_momentum',
]
