"""One run at a time in a work dir."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .files import HOST, remove_leftovers

__all__ = ['WorkDirInUse', 'run_lock']

LOCK = '.run.lock'


class WorkDirInUse(RuntimeError):
    """Another run has the work dir; says which, and what to do."""


@contextmanager
def run_lock(work_dir: str | os.PathLike) -> Iterator[None]:
    """Context in which a work dir belongs to this process alone.

    The file ``.run.lock`` says whose it is: process and host. The operating system
    holds the lock itself, as long as the process lives, so that it is free after any
    kind of death. Another host may not see that: there the file alone counts. A file
    system without locks is no obstacle. Temporary files that dead processes left in the
    work dir are removed.

    Args:
        work_dir: The folder; is made if need be. Of the processes of one run, the first
            one locks it.

    Raises:
        WorkDirInUse: Another process has it, or one of another host may have it.
        ValueError: The folder cannot be made or written to.

    Example:
        ``with run_lock('work_dirs/x'): Runner.from_cfg(cfg).train()``
    """
    path = Path(work_dir, LOCK)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise ValueError(
            f'{work_dir} cannot be a work dir ({error.strerror}): choose another '
            '--work-dir'
        ) from error
    try:
        _lock(descriptor, path)
        remove_leftovers(work_dir)
        os.pwrite(descriptor, f'{os.getpid()} {HOST}\n'.encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)  # ends the lock


def _lock(descriptor: int, path: Path) -> None:
    process, _, host = os.pread(descriptor, 500, 0).decode().strip().partition(' ')
    if host and host != HOST:
        raise WorkDirInUse(
            f'{path.parent} is in use by process {process} of host {host}: choose '
            f'another --work-dir, or delete {path} if that process is gone'
        )
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EAGAIN):
            return
        raise WorkDirInUse(
            f'{path.parent} is in use by process {process or "(starting)"} of this '
            'host: stop it or wait for its end, or choose another --work-dir'
        ) from None
    os.ftruncate(descriptor, 0)
