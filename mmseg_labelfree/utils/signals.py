"""An end in one line when a run is interrupted or told to stop."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

from mmengine.dist import is_main_process

__all__ = ['one_line_stops', 'stops_call']

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SHOW_CURSOR = '\x1b[?25h'


@contextmanager
def one_line_stops(advice: str) -> Iterator[ExitStack]:
    """Context in which SIGINT and SIGTERM end the process at once, in one line.

    The exit code is 128 + the signal: 130 for an interrupt, 143 for SIGTERM, which
    schedulers and containers send. No exception is raised, which code on the way could
    take for its own, or wait for threads on. That loses nothing where files are whole
    or not there, see :func:`~mmseg_labelfree.utils.files.atomic_path`. Worker processes
    are ended; of the processes of a run, the first one prints.

    Args:
        advice: How to go on.

    Yields:
        Stack of what to do at the end of the context, or before the process stops.

    Example:
        ``with one_line_stops('--resume goes on') as stack:
        stack.enter_context(run_lock('work_dirs/x'))``
    """
    owner = os.getpid()
    cleanup = ExitStack()

    def stop(number: int, frame: FrameType | None) -> None:
        if os.getpid() != owner:
            return  # a worker that was forked; the owner ends it
        try:
            if is_main_process():
                cursor = SHOW_CURSOR if os.isatty(2) else ''
                line = f'{cursor}\nStopped by {signal.Signals(number).name}; {advice}\n'
                os.write(2, line.encode())
            for worker in multiprocessing.active_children():
                worker.terminate()
            cleanup.close()
        finally:
            os._exit(128 + number)

    with stops_call(stop), cleanup:
        yield cleanup


@contextmanager
def stops_call(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Context in which SIGINT and SIGTERM call a function.

    Args:
        handler: As for ``signal.signal``: called with the signal and the frame.
    """
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
