import json
import os

import pytest
import torch

from mmseg_labelfree.engine.inference.runs import find_run

CLASSES = ['background', 'square', 'bar', 'dot', 'frame']
COLORS = [[0, 0, 0], [1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12]]


def test_a_run_by_its_names(tiny, tmp_path, save_run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / 'work_dirs' / 'mine'
    expected = save_run(tiny, folder, CLASSES, COLORS).state_dict()
    for name in ('mine', 'work_dirs/mine', str(folder), str(folder / 'iter_6.pth')):
        run = find_run(name)
        model = run.build('cpu')
        assert run.checkpoint.name == 'iter_6.pth' and not model.training
        assert model.dataset_meta == dict(classes=CLASSES, palette=COLORS)
        for key, value in model.state_dict().items():
            torch.testing.assert_close(value, expected[key], rtol=0, atol=0)
    assert [t['type'] for t in run.pipeline][0] == 'LoadImageFromFile'
    with pytest.raises(FileNotFoundError, match="no run 'other'.*work_dirs holds mine"):
        find_run('other')


def test_the_last_stage_of_a_protocol(tiny, tmp_path, save_run):
    for stage, trains in (('step_0', True), ('step_1', True), ('report', False)):
        folder = tmp_path / 'run' / stage
        if trains:
            save_run(tiny, folder, CLASSES, COLORS)
        folder.mkdir(exist_ok=True)
        marker = dict(checkpoint='iter_6.pth') if trains else dict()
        (folder / 'finished.json').write_text(json.dumps(marker))
    assert find_run(str(tmp_path / 'run')).checkpoint.parent.name == 'step_1'
    assert find_run(str(tmp_path / 'run/step_0')).checkpoint.parent.name == 'step_0'


def test_the_last_stage_of_a_copy_with_other_times(tmp_path, tiny, save_run):
    run = tmp_path / 'run'
    for index in range(3):
        save_run(tiny, run / f'step_{index}', CLASSES, COLORS)
        marker = run / f'step_{index}/finished.json'
        marker.write_text(json.dumps(dict(checkpoint='iter_6.pth')))
        os.utime(marker, (9 - index, 9 - index))
    (run / 'results.json').write_text(json.dumps(dict(stages=dict(step_0={}))))
    assert find_run(str(run)).checkpoint.parent.name == 'step_1'  # finished since then
    stages = {f'step_{index}': {} for index in range(3)}
    (run / 'results.json').write_text(json.dumps(dict(stages=stages)))
    assert find_run(str(run)).checkpoint.parent.name == 'step_2'
    (run / 'results.json').write_text('[')
    with pytest.raises(ValueError, match='results.json is damaged .*name a stage'):
        find_run(str(run))


def test_outputs_without_a_class(tiny, tmp_path, save_run):
    save_run(tiny, tmp_path / 'run', CLASSES[:3], COLORS[:3])
    meta = find_run(str(tmp_path / 'run')).build('cpu').dataset_meta
    assert meta['classes'] == [*CLASSES[:3], 'cluster_0', 'cluster_1']
    assert meta['palette'][:3] == COLORS[:3] and len(meta['palette']) == 5


def test_a_checkpoint_of_another_model(tiny, tmp_path, save_run):
    save_run(tiny, tmp_path / 'run', CLASSES, COLORS)
    tiny.model.decode_head.num_classes = 4
    config = tmp_path / 'four.py'
    config.write_text(tiny.pretty_text)
    with pytest.raises(ValueError, match='does not fit the model: decode_head'):
        find_run(str(tmp_path / 'run'), str(config)).build('cpu')
    (tmp_path / 'run/config.py').unlink()
    with pytest.raises(
        FileNotFoundError, match='holds no config: name one by --config'
    ):
        find_run(str(tmp_path / 'run'))
    (tmp_path / 'run/iter_6.pth').unlink()
    with pytest.raises(FileNotFoundError, match='holds no checkpoint: train first'):
        find_run(str(tmp_path / 'run'))


def test_weights_of_a_training_that_has_diverged(tiny, tmp_path, save_run):
    save_run(tiny, tmp_path / 'run', CLASSES, COLORS)
    checkpoint = torch.load(tmp_path / 'run/iter_6.pth', weights_only=False)
    checkpoint['state_dict']['decode_head.conv_seg.bias'][1] = torch.nan
    torch.save(checkpoint, tmp_path / 'run/iter_6.pth')
    with pytest.raises(
        ValueError, match=r'diverged \(decode_head.conv_seg.bias is not'
    ):
        find_run(str(tmp_path / 'run')).build('cpu')


def test_a_script_beside_a_checkpoint_is_not_run(tiny, tmp_path, save_run):
    save_run(tiny, tmp_path / 'run', CLASSES, COLORS)
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.mkdir()
    checkpoint = (tmp_path / 'run/iter_6.pth').rename(elsewhere / 'teacher.pth')
    script = f"open({str(tmp_path / 'ran')!r}, 'w')"
    (elsewhere / 'clean_up.py').write_text(script)
    with pytest.raises(FileNotFoundError, match='elsewhere holds no config: name one'):
        find_run(str(checkpoint))
    assert not (tmp_path / 'ran').exists()
    run = find_run(str(checkpoint), str(tmp_path / 'run/config.py'))
    assert run.build('cpu').dataset_meta['classes'] == CLASSES
    (tmp_path / 'run/config.py').rename(tmp_path / 'run/tiny.py')  # as MMEngine's own
    (elsewhere / 'teacher.pth').rename(tmp_path / 'run/iter_6.pth')
    assert find_run(str(tmp_path / 'run')).config.filename.endswith('tiny.py')
