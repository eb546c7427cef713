"""Training hooks, registered into ``mmseg.registry.HOOKS``."""

from .atomic_checkpoint_hook import AtomicCheckpointHook
from .channels_last_hook import ChannelsLastHook
from .ema_teacher_hook import EMATeacherHook
from .frozen_teacher_hook import FrozenTeacherHook
from .incremental_classifier_init_hook import IncrementalClassifierInitHook
from .iteration_seed_hook import IterationSeedHook
from .parameter_importance_hook import ParameterImportanceHook
from .prototype_memory_bank_hook import PrototypeMemoryBankHook
from .sampler_state_hook import SamplerStateHook

__all__ = [
    'AtomicCheckpointHook',
    'ChannelsLastHook',
    'EMATeacherHook',
    'FrozenTeacherHook',
    'IncrementalClassifierInitHook',
    'IterationSeedHook',
    'ParameterImportanceHook',
    'PrototypeMemoryBankHook',
    'SamplerStateHook',
]
