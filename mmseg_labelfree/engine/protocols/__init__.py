"""Methods that train several times, as lists of plain stage configs."""

from .base import DataPart, Protocol, Stage, loader_parts
from .class_incremental import ClassIncrementalProtocol
from .label_cost import LabelCostProtocol
from .moved_config import follow_move
from .novel_class_discovery import NovelClassDiscoveryProtocol
from .overruled import overruled_options
from .pretraining import PretrainingProtocol
from .progress import ProgressHook
from .protocol_runner import ProtocolRunner
from .pseudo_label_training import PseudoLabelTrainingProtocol
from .self_training import SelfTrainingProtocol
from .single_stage import SingleStageProtocol, build_protocol
from .stage_check import StageCheck
from .stage_data import DataCheck, TrainingSize, data_is_there
from .stage_test import score_stage

__all__ = [
    'ClassIncrementalProtocol',
    'DataCheck',
    'DataPart',
    'LabelCostProtocol',
    'NovelClassDiscoveryProtocol',
    'PretrainingProtocol',
    'ProgressHook',
    'Protocol',
    'ProtocolRunner',
    'PseudoLabelTrainingProtocol',
    'SelfTrainingProtocol',
    'SingleStageProtocol',
    'Stage',
    'StageCheck',
    'TrainingSize',
    'build_protocol',
    'data_is_there',
    'follow_move',
    'loader_parts',
    'overruled_options',
    'score_stage',
]
