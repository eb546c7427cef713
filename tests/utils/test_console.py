"""What a run prints, and what stands in its log alone."""

import logging
import warnings

from mmengine.logging import MMLogger

from mmseg_labelfree.utils.console import (
    keep_in_file,
    open_log,
    quiet_console,
    say,
    warnings_in_log,
)


def opened(folder):
    """Open the log of a run; gives its file."""
    open_log(folder)
    return folder / 'run.log'


def test_the_console_shows_what_is_said(tmp_path, capsys):
    log = opened(tmp_path)
    assert not log.exists()
    logger = MMLogger.get_current_instance()
    logger.info('Config:\nmodel = dict()')
    keep_in_file('details')
    say('Stage 1 of 6')
    assert capsys.readouterr().out == 'Stage 1 of 6\n'
    text = log.read_text()
    assert 'model = dict()' in text and 'details' in text and 'Stage 1 of 6' in text


def test_a_warning_is_one_line_and_comes_once(capsys):
    for _ in range(2):
        for name in ('first stage', 'second stage'):
            logger = quiet_console(MMLogger.get_instance(name))
            logger.warning('weights do not fit\n\nmissing keys: a, b')
            logger.warning('The prefix is not set in metric class IoUMetric.')
    assert capsys.readouterr().out == (
        'Warning: weights do not fit ... (more in the log)\n'
    )


def test_warnings_of_frameworks_are_in_the_file_alone(tmp_path, capsys):
    log = opened(tmp_path)
    foreign = dict(__name__='torch.optim.lr_scheduler')
    code = compile("import warnings\nwarnings.warn('call step\\nfirst')", 'x', 'exec')
    with warnings_in_log():
        warnings.simplefilter('always')
        exec(code, foreign)
        warnings.warn('the class index is broken', stacklevel=1)
    captured = capsys.readouterr()
    assert captured.out == 'Warning: the class index is broken\n'
    assert captured.err == ''
    assert 'call step first' in log.read_text()
    before = warnings.showwarning
    with warnings_in_log():
        assert warnings.showwarning is not before
    assert warnings.showwarning is before


def test_other_processes_print_errors_alone(capsys, monkeypatch):
    monkeypatch.setattr('mmengine.logging.logger._get_rank', lambda: 1)
    logger = quiet_console(MMLogger.get_instance('second process'))
    logger.warning('a warning of all of them')
    logger.error('its own error')
    assert capsys.readouterr().out == 'Error: its own error\n'
    assert logging.ERROR in [handler.level for handler in logger.handlers]
