import errno
import shutil
from pathlib import Path

import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.fileio.backends import LocalBackend
from mmengine.runner import Runner, ValLoop, find_latest_checkpoint

from mmseg_labelfree.engine.protocols import ProtocolRunner
from mmseg_labelfree.utils.checkpoint import resolve_checkpoint


@pytest.fixture
def stage(incremental):
    return ProtocolRunner(incremental).stage('step_0').cfg


def test_keeps_as_many_as_asked_for(stage):
    stage.default_hooks.checkpoint.max_keep_ckpts = 2
    Runner.from_cfg(stage).train()
    folder = Path(stage.work_dir)
    assert sorted(p.name for p in folder.glob('*.pth')) == ['iter_4.pth', 'iter_6.pth']
    assert find_latest_checkpoint(stage.work_dir) == str(folder / 'iter_6.pth')
    assert not list(folder.glob('.*'))


def test_keeps_all_by_default(stage):
    stage.default_hooks.checkpoint.max_keep_ckpts = -1
    Runner.from_cfg(stage).train()
    names = sorted(p.name for p in Path(stage.work_dir).glob('*.pth'))
    assert names == ['iter_2.pth', 'iter_4.pth', 'iter_6.pth']


@pytest.mark.slow
def test_full_disk_leaves_the_previous_checkpoint_whole(stage, monkeypatch):
    put = LocalBackend.put

    def put_or_fail(self, obj, filepath):
        if 'iter_4' in str(filepath):
            put(self, obj[:1000], filepath)
            raise OSError(errno.ENOSPC, 'No space left on device')
        put(self, obj, filepath)

    monkeypatch.setattr(LocalBackend, 'put', put_or_fail)
    with pytest.raises(OSError, match='iter_2.pth.* are whole') as caught:
        Runner.from_cfg(stage).train()
    assert caught.value.errno == errno.ENOSPC
    assert str(caught.value.filename).endswith('iter_4.pth')
    folder = Path(stage.work_dir)
    assert [p.name for p in folder.iterdir() if 'iter' in p.name] == ['iter_2.pth']
    latest = find_latest_checkpoint(stage.work_dir)
    assert torch.load(latest, weights_only=False)['meta']['iter'] == 2

    monkeypatch.undo()
    stage.resume = True
    runner = Runner.from_cfg(stage)
    runner.train()
    assert runner.iter == 6
    assert [p.name for p in folder.glob('*.pth')] == ['iter_6.pth']


def test_interrupt_while_saving_leaves_the_previous_checkpoint(stage, monkeypatch):
    put = LocalBackend.put

    def put_or_stop(self, obj, filepath):
        if 'iter_6' in str(filepath):
            put(self, obj[:1000], filepath)
            raise KeyboardInterrupt
        put(self, obj, filepath)

    monkeypatch.setattr(LocalBackend, 'put', put_or_stop)
    with pytest.raises(KeyboardInterrupt):
        Runner.from_cfg(stage).train()
    latest = find_latest_checkpoint(stage.work_dir)
    assert latest.endswith('iter_4.pth')
    assert torch.load(latest, weights_only=False)['meta']['iter'] == 4


def test_the_best_checkpoint_stays_until_there_is_a_better_one(stage, monkeypatch):
    stage.default_hooks.checkpoint.update(save_best='mIoU', rule='greater')
    stage.train_cfg.val_interval = 2
    scores = iter([1.0, 0.5, 2.0])
    val = ValLoop.run

    def scored(loop):
        with monkeypatch.context() as patch:
            metrics = dict(mIoU=next(scores))
            patch.setattr(type(loop.evaluator), 'evaluate', lambda *a: dict(metrics))
            return val(loop)

    monkeypatch.setattr(ValLoop, 'run', scored)
    put = LocalBackend.put

    def put_or_stop(self, obj, filepath):
        if 'best_mIoU_iter_6' in str(filepath):
            put(self, obj[:1000], filepath)
            raise KeyboardInterrupt
        put(self, obj, filepath)

    monkeypatch.setattr(LocalBackend, 'put', put_or_stop)
    with pytest.raises(KeyboardInterrupt):
        Runner.from_cfg(stage).train()
    best = resolve_checkpoint(f'{stage.work_dir}/best_*.pth')
    assert Path(best).name == 'best_mIoU_iter_2.pth'
    monkeypatch.setattr(LocalBackend, 'put', put)
    scores = iter([1.0, 0.5, 2.0])
    stage.experiment_name = 'again'
    Runner.from_cfg(stage).train()
    folder = Path(stage.work_dir)
    assert [p.name for p in folder.glob('best*')] == ['best_mIoU_iter_6.pth']


@pytest.mark.slow
def test_a_copy_leaves_the_best_checkpoint_of_its_original(stage, monkeypatch):
    stage.default_hooks.checkpoint.update(save_best='mIoU', rule='greater')
    stage.train_cfg.val_interval = 2
    scores = iter([1.0, None, 2.0])
    evaluate = Evaluator.evaluate

    def scored(evaluator, size):
        score = next(scores)
        if score is None:
            raise KeyboardInterrupt
        return evaluate(evaluator, size) | dict(mIoU=score)

    monkeypatch.setattr(Evaluator, 'evaluate', scored)
    with pytest.raises(KeyboardInterrupt):
        Runner.from_cfg(stage).train()
    folder = Path(stage.work_dir)
    copied = folder.with_name('copied')
    shutil.copytree(folder, copied)
    stage.update(work_dir=str(copied), resume=True, experiment_name='copied')
    stage.load_from = str(copied / 'iter_4.pth')
    Runner.from_cfg(stage).train()
    assert [p.name for p in folder.glob('best*')] == ['best_mIoU_iter_2.pth']
    assert [p.name for p in copied.glob('best*')] == ['best_mIoU_iter_6.pth']
