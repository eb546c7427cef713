"""The README's main command, on less data and for a few iterations."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_demo_protocol_from_nothing_to_the_table(tmp_path, monkeypatch, run_tool):
    options = [
        f'{loader}.dataset.dataset.num_{split}={count}'
        for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader')
        for split, count in (('train', 60), ('val', 20))
    ]
    for step in ('initial_step', 'next_steps'):
        options += [
            f'protocol.{step}.train_cfg.max_iters=2',
            f'protocol.{step}.train_cfg.val_interval=2',
        ]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('LABELFREE_DATA', str(tmp_path / 'data'))
    monkeypatch.setenv('LABELFREE_CACHE', str(tmp_path / 'cache'))
    config = ROOT / 'configs/mib/demo_voc_15-1.py'
    done = run_tool('train.py', config, '--cfg-options', *options)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / 'data/demo_voc/ImageSets/Segmentation/train.txt').exists()
    work_dir = tmp_path / 'work_dirs/demo_voc_15-1'
    stages = json.loads((work_dir / 'results.json').read_text())['stages']
    assert list(stages) == [f'step_{k}' for k in range(6)]
    assert (work_dir / 'results.md').exists() and (work_dir / 'curves.png').exists()
    assert 'step_5' in done.stdout
