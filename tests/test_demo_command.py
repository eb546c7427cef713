"""The README's main command, on less data and for a few iterations."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_demo_protocol_from_nothing_to_the_table(tmp_path):
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
    command = [
        sys.executable,
        str(ROOT / 'tools/train.py'),
        str(ROOT / 'configs/mib/demo_voc_15-1.py'),
        '--cfg-options',
        *options,
    ]
    env = dict(
        os.environ,
        PYTHONPATH=str(ROOT),
        OMP_NUM_THREADS='1',
        LABELFREE_DATA=str(tmp_path / 'data'),
        LABELFREE_CACHE=str(tmp_path / 'cache'),
    )
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'data/demo_voc/ImageSets/Segmentation/train.txt').exists()
    work_dir = tmp_path / 'work_dirs/demo_voc_15-1'
    stages = json.loads((work_dir / 'results.json').read_text())['stages']
    assert list(stages) == [f'step_{k}' for k in range(6)]
    assert (work_dir / 'results.md').exists() and (work_dir / 'curves.png').exists()
    assert 'step_5' in done.stdout
