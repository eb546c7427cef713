"""Methods that train several times, as lists of plain stage configs."""

from .base import DataPart, Protocol, Stage, build_protocol, loader_parts
from .class_incremental import ClassIncrementalProtocol
from .novel_class_discovery import NovelClassDiscoveryProtocol
from .protocol_runner import ProtocolRunner
from .pseudo_label_training import PseudoLabelTrainingProtocol
from .self_training import SelfTrainingProtocol

__all__ = [
    'ClassIncrementalProtocol',
    'DataPart',
    'NovelClassDiscoveryProtocol',
    'Protocol',
    'ProtocolRunner',
    'PseudoLabelTrainingProtocol',
    'SelfTrainingProtocol',
    'Stage',
    'build_protocol',
    'loader_parts',
]
