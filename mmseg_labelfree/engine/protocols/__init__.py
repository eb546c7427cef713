"""Methods that train several times, as lists of plain stage configs."""

from .base import Job, Protocol, Stage, build_protocol, run_job
from .class_incremental import ClassIncrementalProtocol
from .novel_class_discovery import NovelClassDiscoveryProtocol
from .protocol_runner import ProtocolRunner
from .pseudo_label_job import PseudoLabelJob
from .self_training import SelfTrainingProtocol

__all__ = [
    'ClassIncrementalProtocol',
    'Job',
    'NovelClassDiscoveryProtocol',
    'Protocol',
    'ProtocolRunner',
    'PseudoLabelJob',
    'SelfTrainingProtocol',
    'Stage',
    'build_protocol',
    'run_job',
]
