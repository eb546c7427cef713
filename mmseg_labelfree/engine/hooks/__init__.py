"""Training hooks, registered into ``mmseg.registry.HOOKS``."""

from .ada_bn_hook import AdaBNHook
from .atomic_checkpoint_hook import AtomicCheckpointHook
from .channels_last_hook import ChannelsLastHook
from .checkpoint_entry_hook import CheckpointEntryHook
from .class_statistics_hook import ClassStatisticsHook
from .cluster_monitor_hook import ClusterMonitorHook
from .cluster_names_hook import ClusterNamesHook
from .cluster_panel_hook import ClusterPanelHook
from .dynamic_reassignment_hook import DynamicReassignmentHook
from .ema_teacher_hook import EMATeacherHook
from .entropy_ranking_hook import EntropyRankingHook
from .entropy_threshold_hook import EntropyThresholdHook
from .freeze_schedule_hook import FreezeScheduleHook
from .frozen_teacher_hook import FrozenTeacherHook
from .incremental_classifier_init_hook import IncrementalClassifierInitHook
from .invalid_loss_hook import InvalidLossHook
from .iteration_seed_hook import IterationSeedHook
from .norm_statistics_hook import NormStatisticsHook
from .parameter_importance import ParameterImportanceHook
from .partition_hook import PartitionHook
from .prototype_memory_bank_hook import PrototypeMemoryBankHook
from .pseudo_label_panel_hook import PseudoLabelPanelHook
from .sampler_state_hook import SamplerStateHook
from .unseen_label_check_hook import UnseenLabelCheckHook
from .weight_fusion_hook import WeightFusionHook

__all__ = [
    'AdaBNHook',
    'AtomicCheckpointHook',
    'ChannelsLastHook',
    'CheckpointEntryHook',
    'ClassStatisticsHook',
    'ClusterMonitorHook',
    'ClusterNamesHook',
    'ClusterPanelHook',
    'DynamicReassignmentHook',
    'EMATeacherHook',
    'EntropyRankingHook',
    'EntropyThresholdHook',
    'FreezeScheduleHook',
    'FrozenTeacherHook',
    'IncrementalClassifierInitHook',
    'InvalidLossHook',
    'IterationSeedHook',
    'NormStatisticsHook',
    'ParameterImportanceHook',
    'PartitionHook',
    'PrototypeMemoryBankHook',
    'PseudoLabelPanelHook',
    'SamplerStateHook',
    'UnseenLabelCheckHook',
    'WeightFusionHook',
]
