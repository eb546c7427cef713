"""What a run does about results that are in its work dir."""

import shutil
from pathlib import Path

import pytest

from mmseg_labelfree.engine.protocols import ProtocolRunner
from mmseg_labelfree.engine.protocols.held_results import check_later

from .test_same_stage import write


def folders(cfg, *names):
    return [Path(cfg.work_dir, name) for name in names]


@pytest.mark.parametrize('name', ['iter_4.pth', 'epoch_1.pth', 'best_mIoU_iter_2.pth'])
def test_what_an_unfinished_run_has_left_is_not_taken(incremental, tiny, name):
    """Nor overwritten: a run of other settings would go on from it, or hand it on."""
    for cfg, folder in ((incremental, 'step_1'), (tiny, '.')):
        (folder,) = folders(cfg, folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
        (folder / 'config.py').write_text("work_dir = 'before'")
        with pytest.raises(FileExistsError, match=f'holds {name} of an unfinished run'):
            ProtocolRunner(cfg).run()
        assert (folder / 'config.py').read_text() == "work_dir = 'before'"
        shutil.rmtree(cfg.work_dir)


def test_a_best_checkpoint_alone_goes_on_under_its_settings(tiny):
    """As it is left where checkpoints are written after more than one validation."""
    write(tiny)
    work = Path(tiny.work_dir)
    (work / 'finished.json').unlink()
    (work / 'best_mIoU_iter_2.pth').touch()
    tiny.optim_wrapper.optimizer.lr = 0.5
    with pytest.raises(ValueError, match='optimizer.lr: 0.05 -> 0.5'):
        ProtocolRunner(tiny, resume=True).run()


def test_a_stage_that_others_are_built_on_is_not_made_anew(incremental):
    write(incremental)
    first, second, third = folders(incremental, 'step_0', 'step_1', 'step_2')
    (second / 'finished.json').unlink()
    (second / 'iter_4.pth').touch()  # interrupted
    kept = first.rename(first.with_name('kept'))
    incremental.protocol.initial_step = dict(optim_wrapper=dict(optimizer=dict(lr=0.5)))
    message = (
        f'{second} is built on results of step_0 that .* or delete {second}, {third}'
    )
    for only in (None, 'step_0'):
        with pytest.raises(FileNotFoundError, match=message):
            ProtocolRunner(incremental, resume=True).run(only)
    first.mkdir()  # begun again, by a version that did not ask
    shutil.copy(kept / 'config.py', first)
    shutil.rmtree(second)
    with pytest.raises(FileNotFoundError, match=f'{third} is built on results of step'):
        ProtocolRunner(incremental, resume=True).run()


def test_which_results_others_are_built_on(novel, label_cost):
    def refused(cfg, name):
        runner = ProtocolRunner(cfg, resume=True)
        shutil.rmtree(Path(cfg.work_dir, name))
        try:
            check_later(runner.stages, runner.stages, resume=True)
        except FileNotFoundError as error:
            deleted = str(error).partition('or delete ')[2].split(', ')
            return [str(Path(d).relative_to(cfg.work_dir)) for d in deleted]

    write(novel)
    (Path(novel.work_dir, 'clustering/finished.json')).unlink()  # it is made again
    assert refused(novel, 'eums') is None
    assert refused(novel, 'clustering') == ['basic', 'ranking']
    assert refused(novel, 'base') == ['basic', 'ranking']
    write(label_cost)
    assert refused(label_cost, 'full') is None
    assert refused(label_cost, 'steps/step_1') == ['steps/step_2']
