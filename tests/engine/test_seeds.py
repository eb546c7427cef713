"""``--seeds`` of tools/train.py."""

import re

import pytest

from mmseg_labelfree.engine.seeds import train_seeds, without_seeds


def test_command_lines_without_seeds():
    line = [
        'c.py',
        '--work-dir',
        'w',
        '--amp',
        '--seeds',
        '3',
        '4',
        '--cfg-options',
        'a=1',
    ]
    assert without_seeds(line) == ['c.py', '--amp', '--cfg-options', 'a=1']


def test_a_seed_twice(tmp_path):
    with pytest.raises(ValueError, match='names a seed twice'):
        train_seeds(tmp_path, ['c.py'], 'w', [1, 1])


@pytest.mark.slow
def test_mean_and_spread_of_two_seeds(tiny, tmp_path, run_tool):
    config = tmp_path / 'tiny.py'
    options = ['--cfg-options', 'train_cfg.max_iters=2', 'train_cfg.val_interval=2']
    work_dir = tmp_path / 'seeds'
    line = [config, '--seeds', '5', '6', '--work-dir', work_dir, *options]
    done = run_tool('train.py', *line)
    assert done.returncode == 0, done.stdout
    table = (work_dir / 'seeds.md').read_text()
    assert re.search(r'\| seeds \| 2 \| \d+\.\d ± \d+\.\d', table)
    assert table in done.stdout
    for seed in (5, 6):
        log = next((work_dir / f'seed_{seed}').glob('*/*.log')).read_text()
        assert f'seed: {seed}' in log or f'seed={seed}' in log
    done = run_tool('train.py', config, '--seeds', '5', '--launcher', 'pytorch')
    assert done.returncode == 2 and '--seeds trains in one process' in done.stdout
