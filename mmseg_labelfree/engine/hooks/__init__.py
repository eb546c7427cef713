"""Training hooks, registered into ``mmseg.registry.HOOKS``."""

from .atomic_checkpoint_hook import AtomicCheckpointHook
from .frozen_teacher_hook import FrozenTeacherHook
from .incremental_classifier_init_hook import IncrementalClassifierInitHook
from .iteration_seed_hook import IterationSeedHook

__all__ = [
    'AtomicCheckpointHook',
    'FrozenTeacherHook',
    'IncrementalClassifierInitHook',
    'IterationSeedHook',
]
