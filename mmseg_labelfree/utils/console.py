"""What a run prints: few lines, each worth reading. The log file has everything."""

import inspect
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from mmengine.dist import is_main_process
from mmengine.logging import MMLogger

__all__ = [
    'complain',
    'keep_in_file',
    'open_log',
    'quiet_console',
    'say',
    'say_in_place',
    'warnings_in_log',
]

FRAMEWORKS = ('torch', 'torchvision', 'mmengine', 'mmcv', 'mmseg', 'mmpretrain')
"""Packages whose warnings are about their own code: nobody can act on them here."""

# What the frameworks log as a warning in every run, about themselves.
_USUAL = re.compile(
    r'The prefix is not set in metric class'
    r'|"FileClient" will be deprecated|"HardDiskBackend" is the alias'
    r'|init_weights of \w+ has been called more than once'
    r'|Dataset \w+ has no metainfo'
    r'|Reach the end of the dataloader'
    r'|.*unexpected key in source state_dict: fc\.'
    r'|\S+ is skipped since its requires_grad=False'
    r'|The current default scope "'
)
_CLEAR = '\r\x1b[K'  # to the start of the line, which becomes empty


class ConsoleFilter(logging.Filter):
    """Filter of what a run's console shows of its log: warnings and errors, once.

    Warnings that the frameworks give in every run stay in the file alone, and so does
    a record with ``file_only=True``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is shown."""
        text = record.getMessage().strip()
        hidden = getattr(record, 'file_only', False) or _USUAL.match(text)
        if hidden or text in self.seen:
            return False
        self.seen.add(text)
        return True


class _OneLine(logging.Formatter):
    """Formatter of a warning or error as one line, which ends what stands there."""

    def format(self, record: logging.LogRecord) -> str:
        first, _, rest = record.getMessage().strip().partition('\n')
        more = ' ... (more in the log)' if rest.strip() else ''
        return f'{_LINE.end()}{record.levelname.capitalize()}: {first}{more}'


class _Line:
    """The last line of a terminal, which may be written again."""

    open = False

    def end(self) -> str:
        """What to print before another line."""
        was_open, self.open = self.open, False
        return _CLEAR if was_open else ''


_FILTER = ConsoleFilter()
_LINE = _Line()


def quiet_console(logger: MMLogger) -> MMLogger:
    """Let a logger show warnings and errors alone, each once and in one line.

    What it writes to its file stays as it is. Doing it again changes nothing.

    Returns:
        The logger.
    """
    for handler in logger.handlers:
        if type(handler) is logging.StreamHandler and _FILTER not in handler.filters:
            handler.setLevel(max(handler.level, logging.WARNING))
            handler.addFilter(_FILTER)
            handler.setFormatter(_OneLine())
    return logger


def open_log(work_dir: str | os.PathLike) -> None:
    """Let ``run.log`` in a work dir be the log until a training has one of its own.

    The file is made when something is written to it.
    """
    file = os.path.join(os.path.abspath(work_dir), 'run.log')
    writer = dict(type='WatchedFileHandler', mode='a', delay=True)
    logger = MMLogger.get_instance(
        f'run in {file}', log_file=file, file_handler_cfg=writer
    )
    quiet_console(logger)


def keep_in_file(text: str, level: int = logging.INFO, **kwargs: Any) -> None:
    """Write a text to the log file of the current run, if there is one, and no more.

    Args:
        text: The text.
        level: Level of the record.
        **kwargs: As for :meth:`logging.Logger.log`, such as ``exc_info``.
    """
    logger = quiet_console(MMLogger.get_current_instance())
    logger.log(level, text, extra=dict(file_only=True), **kwargs)


def say(text: str) -> None:
    """Print a line on the console of the first process; the log gets it, too."""
    keep_in_file(text)
    if is_main_process():
        print(f'{_LINE.end()}{text}', flush=True)


def complain(text: str) -> None:
    """Print a line on the error output of this process."""
    print(f'{_LINE.end()}{text}', file=sys.stderr, flush=True)


def say_in_place(text: str) -> bool:
    """Print a line on the terminal that the next one replaces.

    Returns:
        Whether there is a terminal; otherwise nothing is printed.
    """
    if not (is_main_process() and sys.stdout.isatty()):
        return False
    print(f'{_CLEAR}{text}', end='', flush=True)
    _LINE.open = True
    return True


@contextmanager
def warnings_in_log() -> Iterator[None]:
    """Context in which Python's warnings go to the log of the current run.

    The console shows those that a user can act on, once and in one line: not those
    that the frameworks' own code gives (:data:`FRAMEWORKS`).
    """
    with warnings.catch_warnings():
        warnings.showwarning = _log_warning
        yield


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    giver = _giver(inspect.currentframe())
    foreign = giver.partition('.')[0] in FRAMEWORKS
    quiet_console(MMLogger.get_current_instance()).log(
        logging.WARNING, ' '.join(str(message).split()), extra=dict(file_only=foreign)
    )


def _giver(frame: FrameType | None) -> str:
    """Name of the module that has called ``warnings.warn``."""
    own = (__name__, 'warnings')
    while frame and frame.f_globals.get('__name__') in own:
        frame = frame.f_back
    return frame.f_globals.get('__name__', '') if frame else ''
