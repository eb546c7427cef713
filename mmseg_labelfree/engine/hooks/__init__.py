"""Training hooks, registered into ``mmseg.registry.HOOKS``."""

from .atomic_checkpoint_hook import AtomicCheckpointHook
from .channels_last_hook import ChannelsLastHook
from .frozen_teacher_hook import FrozenTeacherHook
from .incremental_classifier_init_hook import IncrementalClassifierInitHook
from .iteration_seed_hook import IterationSeedHook

__all__ = [
    'AtomicCheckpointHook',
    'ChannelsLastHook',
    'FrozenTeacherHook',
    'IncrementalClassifierInitHook',
    'IterationSeedHook',
]
