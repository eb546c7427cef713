"""Methods that train several times, as lists of plain stage configs."""

from .base import Protocol, Stage, build_protocol
from .class_incremental import ClassIncrementalProtocol
from .novel_class_discovery import NovelClassDiscoveryProtocol
from .protocol_runner import ProtocolRunner
from .self_training import SelfTrainingProtocol

__all__ = [
    'ClassIncrementalProtocol',
    'NovelClassDiscoveryProtocol',
    'Protocol',
    'ProtocolRunner',
    'SelfTrainingProtocol',
    'Stage',
    'build_protocol',
]
