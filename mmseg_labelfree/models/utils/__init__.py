"""Parts that several segmentors share."""

from .frozen_teacher import FrozenTeacherMixin

__all__ = ['FrozenTeacherMixin']
