"""Methods that train several times, as lists of plain stage configs."""

from .base import Job, Protocol, Stage, build_protocol, run_job
from .class_incremental import ClassIncrementalProtocol
from .protocol_runner import ProtocolRunner

__all__ = [
    'ClassIncrementalProtocol',
    'Job',
    'Protocol',
    'ProtocolRunner',
    'Stage',
    'build_protocol',
    'run_job',
]
