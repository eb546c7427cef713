"""Methods that train several times, as lists of plain stage configs."""

from .base import Protocol, Stage, build_protocol
from .class_incremental import ClassIncrementalProtocol
from .protocol_runner import ProtocolRunner

__all__ = [
    'ClassIncrementalProtocol',
    'Protocol',
    'ProtocolRunner',
    'Stage',
    'build_protocol',
]
