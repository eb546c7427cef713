"""The config of a stage in a folder that was moved or copied."""

import shutil

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
    (tmp_path / 'mine.py').write_text("work_dir = '/far/away/step_1'\n")
    assert follow_move(Config.fromfile(tmp_path / 'mine.py')).work_dir.startswith(
        '/far'
    )


def test_relative_work_dirs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'w/step_1').mkdir(parents=True)
    Config(dict(work_dir='w/step_1', a='w/step_0')).dump('w/step_1/config.py')
    assert follow_move(Config.fromfile('w/step_1/config.py')).a == 'w/step_0'
    shutil.move('w', 'v')
    moved = follow_move(Config.fromfile('v/step_1/config.py'))
    assert moved.work_dir == 'v/step_1'
    assert moved.a == 'v/step_0'
