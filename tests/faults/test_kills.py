"""Killed at any moment, a run goes on to exactly what it would have become."""

import random
import shutil
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
)


@pytest.mark.parametrize('kind', KINDS)
def test_at_random_moments(kind, request, written, train, tmp_path):
    cfg = request.getfixturevalue(kind)
    head = cfg.model.decode_head
    head.get('head', head).dropout_ratio = 0.3
    if kind == 'strict':
        cfg.protocol.update(mode='offline', rounds=1)
    if kind in ('plop', 'ssul'):
        cfg.protocol.task = [['square', 'bar'], ['dot', 'frame']]
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


@pytest.mark.parametrize(
    ('number', 'after'), [(1, False), (1, True), (2, False), (2, True), (3, False)]
)
def test_at_each_rename(number, after, incremental, written, train, tmp_path):
    """Each start comes to that rename of its own: config, checkpoint, pointer."""
    path, work, whole = written(incremental), tmp_path / 'cut', tmp_path / 'whole'
    arguments = path, '--stage', 'step_0', '--work-dir'
    assert train(*arguments, whole)[0] == 0
    for _ in range(2):
        at = At(number, 'os.rename', '.tmp', after=after)
        code, output = train(*arguments, work, '--resume', at=at)
        assert code == -9, output
    code, output = train(*arguments, work, '--resume')
    assert code == 0, output
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
