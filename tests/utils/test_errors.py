"""Errors as one line, and what the line says."""

import logging
import multiprocessing.connection
import re
import signal

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger

from mmseg_labelfree.datasets import get_task
from mmseg_labelfree.utils.console import open_log
from mmseg_labelfree.utils.errors import error_text, lost_worker, one_line_errors


def raised(work):
    with pytest.raises(Exception) as info:  # noqa: B017 (of any kind)
        work()
    return info.value


@pytest.mark.parametrize(
    ('work', 'text'),
    [
        (lambda: get_task('voc_15-2'), r"unknown task 'voc_15-2'"),
        (lambda: {}['fold'], 'KeyError: fold'),
        (lambda: torch.zeros(2) @ torch.zeros(3), r'(?i)inconsistent tensor size'),
        (lambda: Config.fromfile('/nowhere/x.py'), r'.*/nowhere/x.py'),
    ],
)
def test_text(work, text):
    line = error_text(raised(work))
    assert re.match(text, line) and '\n' not in line


def test_a_lost_worker_has_one_message_whoever_notices():
    died = RuntimeError('DataLoader worker (pid(s) 17) exited unexpectedly')
    reader, writer = multiprocessing.connection.Pipe(duplex=False)
    writer.close()
    broken = raised(reader.recv)
    assert type(broken) is EOFError
    for error in (died, broken):
        assert lost_worker(error)
        assert 'lower num_workers or batch_size' in error_text(error)
    assert not lost_worker(EOFError())  # of a file
    assert not lost_worker(RuntimeError('DataLoader is empty'))


class LateSignal(logging.Handler):
    def emit(self, record):
        signal.raise_signal(signal.SIGCHLD)


def test_the_signal_of_a_lost_worker_may_come_after_the_error(tmp_path, capsys):
    died = RuntimeError('DataLoader worker (pid 17) is killed by signal: Killed.')

    def of_torch(number, frame):
        raise died

    before = signal.signal(signal.SIGCHLD, of_torch)
    late = LateSignal()
    open_log(tmp_path)
    MMLogger.get_current_instance().addHandler(late)
    try:
        with pytest.raises(SystemExit), one_line_errors():
            raise died
    finally:
        MMLogger.get_current_instance().removeHandler(late)
        signal.signal(signal.SIGCHLD, before)
    assert 'lower num_workers or batch_size' in capsys.readouterr().err


def test_an_error_of_a_worker_is_told_without_its_traceback():
    trace = 'Original Traceback (most recent call last):\n  File "x.py", line 3, in f\n'
    text = (
        f'Caught ValueError in DataLoader worker process 0.\n{trace}'
        'ValueError: a.jpg is damaged: replace it\n'
    )
    assert error_text(ValueError(text)) == 'a.jpg is damaged: replace it'
    text = text.replace('ValueError', 'TypeError')
    assert error_text(TypeError(text)) == 'TypeError: a.jpg is damaged: replace it'


def test_line_and_traceback(tmp_path, capsys):
    open_log(tmp_path)
    with pytest.raises(SystemExit) as end, one_line_errors():
        get_task('voc_15-2')
    assert end.value.code == 1
    line = capsys.readouterr().err
    assert line.startswith("Error: unknown task 'voc_15-2'")
    assert line.endswith(f' (traceback in {tmp_path}/run.log)\n')
    log = (tmp_path / 'run.log').read_text()
    assert 'Traceback (most recent call last)' in log and 'in get_task' in log


def test_without_a_log_only_the_unexpected_has_a_traceback(capsys):
    with pytest.raises(SystemExit), one_line_errors():
        raise ValueError('no such file')
    assert capsys.readouterr().err == 'Error: no such file\n'
    with pytest.raises(SystemExit), one_line_errors():
        raise ZeroDivisionError('division by zero')
    error = capsys.readouterr().err
    assert 'Traceback' in error
    assert error.endswith('Error: ZeroDivisionError: division by zero\n')
