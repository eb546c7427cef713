"""An interrupt and SIGTERM end in one line, also in the middle of a checkpoint."""

import os
import signal
from pathlib import Path

import pytest

from .conftest import At

pytestmark = pytest.mark.slow
LINE = 'Stopped by {}; the same command with --resume goes on from here.'
MOMENTS = dict(
    training=('open', 'train_013'),
    checkpoint=('open', '.iter_4.pth'),
    rename=('os.rename', '.iter_4.pth'),
)


@pytest.mark.parametrize('kind', ['incremental', 'semi'])
@pytest.mark.parametrize(
    ('moment', 'number'),
    [
        ('training', signal.SIGTERM),
        ('checkpoint', signal.SIGINT),
        ('rename', signal.SIGTERM),
    ],
)
def test_one_line(kind, moment, number, request, written, train, tmp_path):
    cfg = request.getfixturevalue(kind)
    path, work = written(cfg), tmp_path / 'run'
    event, part = MOMENTS[moment]
    code, output = train(
        path, '--work-dir', work, at=At(1, event, part, signal_number=number)
    )
    assert code == 128 + number
    assert output.endswith('\n' + LINE.format(signal.Signals(number).name) + '\n')
    assert 'Traceback' not in output
    assert (work / '.run.lock').read_bytes() == b''  # another host may go on
    code, output = train(path, '--work-dir', work, '--resume')
    assert code == 0, output
    assert not [p for p in work.rglob('.*.tmp')]


def test_while_the_config_is_laid_out(incremental, written, train, tmp_path, lay_out):
    """There MMEngine makes a SyntaxError of whatever comes."""
    path, work = written(incremental), tmp_path / 'run'

    def interrupted(text, **_):
        if (work / 'step_0/iter_2.pth').exists():
            os.kill(os.getpid(), signal.SIGINT)
        return text, True

    lay_out(interrupted)
    code, output = train(path, '--work-dir', work)
    assert code == 130
    assert output.endswith('\n' + LINE.format('SIGINT') + '\n')
    assert 'SyntaxError' not in output and 'Traceback' not in output
    assert Path(work / 'step_0/last_checkpoint').read_text().endswith('iter_2.pth')
