"""An error as one line on the console, with its traceback in the log file."""

import logging
import re
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import torch.distributed as dist
from mmengine.dist import get_dist_info
from mmengine.logging import MMLogger

from .console import complain, keep_in_file

__all__ = ['error_text', 'flat_text', 'lost_worker', 'one_line_errors']

# Errors whose message is a sentence; others are named by their class, too.
_SENTENCES = (ValueError, FileNotFoundError, FileExistsError, RuntimeError)
# What the frameworks append to a message: a link, a hint for those who write classes.
_LECTURES = re.compile(
    r' More details can be found at \S+|\. Please check whether the value of .*'
)
# What torch puts in front of an error of a worker: its traceback, up to the last line.
_OF_WORKER = re.compile(
    r'Caught \w+ in (?:DataLoader|pin memory).*\n(?:[\w.]+: )?', re.S
)
_OF_LOADERS = ('multiprocessing', 'torch.utils.data', 'torch.multiprocessing')


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Context of a command that prints an error as one line and ends with code 1.

    The line says what is wrong, and where the traceback is: in the log file of the
    current run. Without such a file, before there is a work dir, there is no traceback,
    unless the error is none that a check has raised. Of several processes each names
    itself, and those whose connection another one has broken say so.

    Raises:
        SystemExit: The context failed.
    """
    try:
        yield
    except Exception as error:
        if lost_worker(error):  # whose signal may yet come, and torch would raise again
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        file = _keep_traceback(error)
        where = f' (traceback in {file})' if file else ''
        complain(f'{_line(error)}{where}')
        sys.exit(1)


def error_text(error: BaseException, named: bool = False) -> str:
    r"""What an error says, in one line where it is not of this package.

    Args:
        error: The error.
        named: Begin with its class, also where the message is a sentence.

    Example:
        >>> error_text(ValueError('no such\nclass')), error_text(KeyError('fold'))
        ('no such class', 'KeyError: fold')
    """
    if lost_worker(error):
        return (
            'a worker process of a data loader was killed, by the system if memory was '
            'short: lower num_workers or batch_size, or give the job more memory '
            f'({type(error).__name__}: {flat_text(error)})'
        )
    text = str(error) if _is_ours(error) else flat_text(error)
    if named or not text or not isinstance(error, _SENTENCES):
        return f'{type(error).__name__}: {text}'
    return text


def lost_worker(error: BaseException) -> bool:
    """Whether an error means that a worker of a data loader is gone.

    As a rule torch says so. Now and then the connection by which a batch comes breaks
    first.
    """
    text = str(error)
    if isinstance(error, RuntimeError) and re.search('DataLoader worker .*pid', text):
        return True
    broken = isinstance(error, ConnectionError | EOFError)
    return broken and any(module.startswith(_OF_LOADERS) for module in _modules(error))


def _line(error: Exception) -> str:
    rank, world_size = get_dist_info()
    if world_size == 1:
        return f'Error: {error_text(error)}'
    reason = f'failed with {error_text(error, named=True)}'
    if _is_broken_connection(error):
        reason = 'stopped: another process failed, whose output says why'
    return f'Process {rank} of {world_size} {reason}'


def _is_broken_connection(error: Exception) -> bool:
    """Whether an error is that of gloo or NCCL about a process that is gone."""
    kind = getattr(dist, 'DistError', RuntimeError)
    text = str(error).lower()
    words = ('connection closed', 'connection reset', 'broken pipe', 'gloo', 'nccl')
    return isinstance(error, (kind, RuntimeError)) and any(w in text for w in words)


def _keep_traceback(error: Exception) -> str | None:
    """Write the traceback to the log file; gives the file."""
    try:
        logger = MMLogger.get_current_instance()
    except IndexError:  # MMEngine looks up the GPU of a process that has none
        return None
    if any(isinstance(handler, logging.FileHandler) for handler in logger.handlers):
        keep_in_file('The run failed:', logging.ERROR, exc_info=error)
        return logger.log_file
    alone = get_dist_info()[1] == 1
    if not _is_broken_connection(error) and not (
        alone and isinstance(error, _SENTENCES)
    ):
        traceback.print_exception(error)
    return None


def _modules(error: BaseException) -> list[str]:
    """Names of the modules that an error has come through, the innermost last."""
    frames = traceback.walk_tb(error.__traceback__)
    return [frame.f_globals.get('__name__', '') for frame, _ in frames]


def _is_ours(error: BaseException) -> bool:
    modules = _modules(error)
    return bool(modules) and modules[-1].startswith('mmseg_labelfree.')


def flat_text(error: BaseException) -> str:
    """The message of an error in one line, without links to the frameworks' docs.

    Of an error in a worker of a data loader, which has its traceback as the message,
    it is the error's own message.
    """
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    text = _OF_WORKER.sub('', str(text).rstrip())
    return _LECTURES.sub('', ' '.join(text.split()))
