"""``tools/test.py``: which checkpoints it takes, and where it writes."""

import json
from pathlib import Path

import pytest
import torch

from mmseg_labelfree.engine.protocols import ProtocolRunner

pytestmark = pytest.mark.slow


def contents(folder):
    files = [p for p in Path(folder).rglob('*') if p.is_file()]
    return {p: p.read_bytes() for p in files if 'test' not in p.parts}


def last_line(done):
    assert done.returncode == 1, done.stdout
    return done.stdout.strip().splitlines()[-1]


def test_results_go_into_a_folder_of_their_own(iddc, run_tool, tmp_path):
    """IDDC's monitor writes the matching of each test, too."""
    path = tmp_path / 'iddc.py'
    iddc.dump(path)
    assert run_tool('train.py', path).returncode == 0
    work = Path(iddc.work_dir)
    before = contents(work)
    assert work / 'matching.json' in before
    options = ('--cfg-options', 'test_dataloader.dataset.indices=3')
    for arguments in ((), options, ()):
        done = run_tool('test.py', path, *arguments)
        assert done.returncode == 0 and len(done.stdout.splitlines()) < 20, done.stdout
    assert contents(work) == before
    whole, fewer = sorted((work / 'test').iterdir())
    assert whole.name == 'iter_6' and fewer.name.startswith('iter_6_')
    for folder, images in ((whole, 6), (fewer, 3)):
        assert (folder / 'matching.json').is_file()
        results = json.loads((folder / 'results.json').read_text())
        (result,) = results['stages'].values()
        assert result['scored']['run'] == 'test'
        assert result['scored']['images'] == images
        assert result['checkpoint'] == str(work / 'iter_6.pth')
        assert (folder / 'results.md').is_file()


def test_checkpoints_of_other_stages_and_classes(incremental, run_tool, tmp_path):
    path = tmp_path / 'incremental.py'
    incremental.dump(path)
    for stage in ('step_0', 'step_1'):
        ProtocolRunner(incremental).run(stage)
    work = Path(incremental.work_dir)
    first = work / 'step_0' / 'iter_6.pth'
    line = last_line(run_tool('test.py', path, first, '--stage', 'step_1'))
    assert f'{first} does not fit the model: decode_head.conv_seg' in line
    assert 'for 3 classes and 4 are tested: class 3 is none there and dot here' in line

    checkpoint = torch.load(first, weights_only=False)
    meta = checkpoint['meta']['dataset_meta']
    meta['classes'] = ('background', 'bar', 'square')
    torch.save(checkpoint, tmp_path / 'other.pth')
    arguments = (path, tmp_path / 'other.pth', '--stage', 'step_0')
    line = last_line(run_tool('test.py', *arguments))
    assert 'class 1 is bar there and square here' in line


def test_a_teacher_is_scored_as_one(semi, run_tool, tmp_path):
    path = tmp_path / 'semi.py'
    semi.dump(path)
    assert run_tool('train.py', path).returncode == 0
    for name in ('student', 'teacher'):
        option = f'model.val_model={name}'
        assert run_tool('test.py', path, '--cfg-options', option).returncode == 0
    files = Path(semi.work_dir).glob('test/*/results.json')
    found = [json.loads(file.read_text())['stages']['work'] for file in files]
    assert {result['scored']['model'] for result in found} == {'student', 'teacher'}


def test_options_that_reach_nothing(tiny, incremental, run_tool, tmp_path):
    """As in a training; here nothing is trained, so there is no checkpoint yet."""
    for name, cfg, option, text in (
        (
            'tiny',
            tiny,
            'models.a=1',
            'work: models is read by nothing; did you mean mod',
        ),
        ('tiny', tiny, 'decode_head.a=1', 'decode_head.a=1 is read by no stage; '),
        (
            'steps',
            incremental,
            'test_evaluator.classwise=False',
            'test_evaluator.classwise=False is not used by step_2 (True): set it',
        ),
    ):
        path = tmp_path / f'{name}.py'
        cfg.dump(path)
        done = run_tool('test.py', path, '--cfg-options', option)
        assert done.returncode == 1 and text in done.stdout, done.stdout
