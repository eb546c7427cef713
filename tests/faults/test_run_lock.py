"""One run at a time in a work dir."""

import os
import socket
from pathlib import Path

import pytest

from mmseg_labelfree.utils.files import atomic_path
from mmseg_labelfree.utils.run_lock import WorkDirInUse, run_lock

from .conftest import At

pytestmark = pytest.mark.slow


@pytest.mark.parametrize('kind', ['incremental', 'semi'])
def test_of_two_starts_one_is_refused(kind, request, written, start, tmp_path):
    cfg = request.getfixturevalue(kind)
    path, work = written(cfg), tmp_path / 'run'
    tools = [
        start(
            'train.py',
            path,
            '--work-dir',
            work,
            '--cfg-options',
            f'randomness.seed={n}',
        )
        for n in (1, 2)
    ]
    (code, output), (other_code, other) = sorted(tool.end() for tool in tools)
    assert (code, other_code) == (0, 1), output + other
    (holder,) = [t.pid for t in tools if t.exitcode == 0]
    refusal = f'{work} is in use by process {holder} of this host: stop it or wait'
    assert refusal in other.replace('(starting)', str(holder))
    assert 'Traceback' not in other


def test_the_lock_of_a_killed_run_is_taken_over(
    incremental, written, start, train, tmp_path
):
    path, work = written(incremental), tmp_path / 'run'
    code, _ = train(path, '--work-dir', work, at=At(1, 'os.rename', '.iter_4.pth'))
    assert code == -9
    assert (work / '.run.lock').read_text().split()[1] == socket.gethostname()
    (leftover,) = work.rglob('.*.tmp')
    assert leftover.name.startswith('.iter_4.pth.')
    code, output = train(path, '--work-dir', work, '--resume', '--stage', 'step_0')
    assert code == 0, output
    assert not [*work.rglob('.*.tmp')]


def test_the_lock_of_another_host_is_refused(tiny, written, train, tmp_path):
    work = tmp_path / 'run'
    work.mkdir()
    lock = work / '.run.lock'
    lock.write_text('17 elsewhere\n')
    code, output = train(written(tiny), '--work-dir', work)
    assert code == 1
    assert output.endswith(
        f'{work} is in use by process 17 of host elsewhere: choose another --work-dir, '
        f'or delete {lock} if that process is gone\n'
    )
    lock.unlink()
    with run_lock(work):
        pass


def test_jobs_take_the_lock_too(novel, written, train, tmp_path):
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run/.run.lock').write_text('17 elsewhere\n')
    novel.job = novel.protocol.pop('clustering')
    novel.pop('protocol')
    code, output = train(written(novel), '--work-dir', tmp_path / 'run')
    assert code == 1 and 'is in use by process 17 of host elsewhere' in output


def test_what_living_processes_write_stays(tmp_path):
    with atomic_path(tmp_path / 'folder/a.txt') as temporary:
        temporary.write_text('half')
        mine = temporary.name
        dead = temporary.with_name(mine.replace(f'.{os.getpid()}@', '.99999999@'))
        foreign = temporary.with_name('.a.txt.99999999@elsewhere.tmp')
        other = temporary.with_name('.mine.tmp')
        for path in (dead, foreign, other):
            path.touch()
        with run_lock(tmp_path):
            left = {p.name for p in (tmp_path / 'folder').iterdir()}
    assert left == {mine, foreign.name, other.name}


def test_an_error_frees_the_lock(tmp_path, in_two_processes):
    with pytest.raises(KeyError), run_lock(tmp_path):
        raise KeyError
    with run_lock(tmp_path):
        errors = in_two_processes(_lock, tmp_path)
    assert [type(e) for e in errors] == [WorkDirInUse] * 2
    assert Path(tmp_path, '.run.lock').read_bytes() == b''


def _lock(work_dir):
    with run_lock(work_dir):
        return None
