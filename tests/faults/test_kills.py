"""Killed at any moment, a run goes on to exactly what it would have become."""

import os
import random
import re
import shutil
import signal
from pathlib import Path

import pytest

from .conftest import At, assert_exact

pytestmark = pytest.mark.slow


class Counter:
    """Audit hook that notes in a file how many events there were up to a rename."""

    def __init__(self, path):
        self.path = Path(path)
        self.count = 0

    def __call__(self, event, args):
        self.count += 1
        if event == 'os.rename':
            count, self.count = self.count, -(10**9)  # of the note itself
            self.path.write_text(str(count))
            self.count = count


KINDS = (
    *('incremental', 'plop', 'ssul', 'semi', 'unimatch_v2'),
    *('novel', 'strict', 'iddc', 'daformer', 'afa'),
    *('pretraining', 'two_stages', 'label_cost'),
)


@pytest.mark.parametrize('kind', KINDS)
def test_at_random_moments(kind, request, written, train, tmp_path):
    cfg = request.getfixturevalue(kind)
    if 'model' in cfg:
        head = cfg.model.decode_head
        head.get('head', head).dropout_ratio = 0.3
    if kind == 'strict':
        cfg.protocol.update(mode='offline', rounds=1)
    if kind in ('plop', 'ssul'):
        cfg.protocol.task = [['square', 'bar'], ['dot', 'frame']]
    if kind == 'label_cost':
        cfg.protocol.only = ['full', 'part']
    path, whole = written(cfg), tmp_path / 'whole'
    note = tmp_path / 'events'
    code, output = train(path, '--work-dir', whole, at=Counter(note))
    assert code == 0, output
    draw = random.Random(kind)
    work = tmp_path / 'cut'
    for _ in range(2):
        at = At(draw.randrange(int(note.read_text())))
        assert train(path, '--work-dir', work, '--resume', at=at)[0] in (-9, 0)
    code, output = train(path, '--work-dir', work, '--resume')
    assert code == 0, output
    assert_exact(work, whole)


class Renames:
    """Audit hook that notes each kind of file that gets its name; kills, if wanted.

    Right before: right after the one before it is the same but for a temporary file.
    Files whose names differ by numbers alone are of one kind, unless checkpoints.
    """

    def __init__(self, folder, note, kills):
        self.folder, self.note, self.kills = folder, note, kills
        note.touch()

    def __call__(self, event, args):
        if event != 'os.rename' or not Path(args[1]).is_relative_to(self.folder):
            return
        name = str(Path(args[1]).relative_to(self.folder))
        kind = re.sub(r'_\d+\.(?!pth)', '_N.', name)
        noted = self.note.read_text().split()
        if kind not in noted:
            self.note.write_text('\n'.join([*noted, kind]))
            if self.kills:
                os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def at_each_rename(train, tmp_path):
    """Train, killed at the rename of each kind of file in a folder; these kinds."""

    def run(folder, *arguments):
        note = tmp_path / 'killed'
        code = -9
        while code == -9:
            at = Renames(folder, note, kills=True)
            code, output = train(*arguments, '--resume', at=at)
        assert code == 0, output
        killed = set(note.read_text().split())
        note.unlink()
        return killed

    return run


def test_at_each_rename(incremental, written, train, at_each_rename, tmp_path):
    path, work, whole = written(incremental), tmp_path / 'cut', tmp_path / 'whole'
    arguments = path, '--stage', 'step_0', '--work-dir'
    note = tmp_path / 'renamed'
    assert train(*arguments, whole, at=Renames(whole, note, kills=False))[0] == 0
    renamed = set(note.read_text().split())
    assert {'step_0/config.py', 'step_0/iter_4.pth', 'report.html'} < renamed
    assert at_each_rename(work, *arguments, work) == renamed
    assert_exact(work, whole)


def test_at_each_rename_of_a_job(novel, written, train, at_each_rename, tmp_path):
    """EUMS: what clustering writes."""
    path, work, whole = written(novel), tmp_path / 'cut', tmp_path / 'whole'
    assert train(path, '--stage', 'base', '--work-dir', whole)[0] == 0
    shutil.copytree(whole, work)
    arguments = path, '--stage', 'clustering', '--work-dir'
    assert train(*arguments, whole, '--resume')[0] == 0
    killed = at_each_rename(work / 'clustering', *arguments, work)
    assert killed == {
        *('config.py', 'regions/settings.json', 'regions/train_N.npz'),
        *('labels/train_N.png', 'images.txt', 'left_out.txt', 'summary.json'),
        'finished.json',
    }
    assert_exact(work, whole)


def test_weights_are_fused_once(incremental, written, train, tmp_path):
    """Killed at the files of a step's end, between saving and fusing (EWF)."""
    incremental.custom_hooks.append(dict(type='WeightFusionHook'))
    incremental.default_hooks.checkpoint.interval = 3  # then one at the end
    path, work, whole = written(incremental), tmp_path / 'cut', tmp_path / 'whole'
    code, output = train(path, '--stage', 'step_0', '--work-dir', whole)
    assert code == 0, output
    shutil.copytree(whole, work)
    arguments = path, '--stage', 'step_1', '--resume', '--work-dir'
    assert train(*arguments, whole)[0] == 0
    for file, after in (('unfused', True), ('iter_6', True), ('finished', False)):
        at = At(1, 'os.rename', file, after=after)
        code, output = train(*arguments, work, at=at)
        assert code == -9, output
        code, output = train(*arguments, work)
        assert code == 0, output
        assert_exact(work / 'step_1', whole / 'step_1')
        shutil.rmtree(work / 'step_1')
