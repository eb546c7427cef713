"""Methods that train several times, as lists of plain stage configs."""

from .base import DataPart, Protocol, Stage, build_protocol, loader_parts
from .class_incremental import ClassIncrementalProtocol
from .moved_config import follow_move
from .novel_class_discovery import NovelClassDiscoveryProtocol
from .overruled import overruled_options
from .progress import ProgressHook
from .protocol_runner import ProtocolRunner
from .pseudo_label_training import PseudoLabelTrainingProtocol
from .same_stage import check_same_run
from .self_training import SelfTrainingProtocol
from .stage_check import StageCheck
from .stage_data import DataCheck, TrainingSize, data_is_there

__all__ = [
    'ClassIncrementalProtocol',
    'DataCheck',
    'DataPart',
    'NovelClassDiscoveryProtocol',
    'ProgressHook',
    'Protocol',
    'ProtocolRunner',
    'PseudoLabelTrainingProtocol',
    'SelfTrainingProtocol',
    'Stage',
    'StageCheck',
    'TrainingSize',
    'build_protocol',
    'check_same_run',
    'data_is_there',
    'follow_move',
    'loader_parts',
    'overruled_options',
]
