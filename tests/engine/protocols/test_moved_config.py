"""The config of a stage in a folder that was moved or copied."""

import shutil

import pytest
from mmengine.config import Config

from mmseg_labelfree.engine.protocols import follow_move


def write_stage(folder, **settings):
    folder.mkdir(parents=True)
    Config(dict(work_dir=str(folder), **settings)).dump(folder / 'config.py')


def test_a_copy_means_its_own_files(tmp_path):
    old = tmp_path / 'work'
    write_stage(
        old / 'step_1',
        hooks=[dict(checkpoint=f'{old}/step_0'), dict(file=f'{old}x/y')],
        data=(f'{old}/labels/a', 'data/voc'),
    )
    for name in ('step_0', 'labels'):
        (old / name).mkdir()
    new = tmp_path / 'copy of it'
    shutil.copytree(old, new)
    cfg = follow_move(Config.fromfile(new / 'step_1/config.py'))
    assert cfg.work_dir == f'{new}/step_1'
    assert cfg.hooks[0].checkpoint == f'{new}/step_0'
    assert cfg.hooks[1].file == f'{old}x/y'  # another folder
    assert list(cfg.data) == [f'{new}/labels/a', 'data/voc']


def test_configs_at_their_place_and_others_stay(tmp_path, monkeypatch):
    write_stage(tmp_path / 'work/step_1', a=f'{tmp_path}/work/step_0')
    file = tmp_path / 'work/step_1/config.py'
    assert follow_move(Config.fromfile(file)).a == f'{tmp_path}/work/step_0'
    shutil.copytree(file.parent, tmp_path / 'no results')
    cfg = follow_move(Config.fromfile(tmp_path / 'no results/config.py'))
    assert cfg.work_dir == str(file.parent)  # a config of one's own
    (tmp_path / 'mine.py').write_text("work_dir = '/far/away/step_1'\n")
    assert follow_move(Config.fromfile(tmp_path / 'mine.py')).work_dir.startswith(
        '/far'
    )


def test_relative_work_dirs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('step_0', 'step_1'):
        (tmp_path / 'w' / name).mkdir(parents=True)
    Config(dict(work_dir='w/step_1', a='w/step_0')).dump('w/step_1/config.py')
    assert follow_move(Config.fromfile('w/step_1/config.py')).a == 'w/step_0'
    shutil.move('w', 'v')
    moved = follow_move(Config.fromfile('v/step_1/config.py'))
    assert moved.work_dir == 'v/step_1'
    assert moved.a == 'v/step_0'


@pytest.mark.parametrize('result', ['finished.json', 'iter_6.pth', 'results.json'])
def test_a_run_under_another_name(tmp_path, result, monkeypatch):
    old = tmp_path / 'work/run'
    write_stage(old, file=f'{old}/matching.json', load_from=f'{tmp_path}/work/a/b.pth')
    (old / result).write_text('{}')
    for new in (tmp_path / 'work/run_kept', tmp_path / 'elsewhere/kept'):
        shutil.copytree(old, new)
        cfg = follow_move(Config.fromfile(new / 'config.py'))
        assert cfg.work_dir == str(new) and cfg.file == f'{new}/matching.json'
        assert cfg.load_from == f'{tmp_path}/work/a/b.pth'  # which did not come along
    monkeypatch.chdir(new)
    assert follow_move(Config.fromfile('config.py')).work_dir == str(new)
