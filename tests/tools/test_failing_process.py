"""An error in one of two processes ends both, and both say whose it was."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAILING = """
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmseg.registry import HOOKS


@HOOKS.register_module()
class FailingHook(Hook):
    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if get_rank() == 1 and runner.iter == 1:
            raise ValueError('no such image: 007.jpg')
"""


@pytest.mark.slow
def test_an_error_in_one_process_ends_both(tiny, tmp_path):
    (tmp_path / 'failing_hook.py').write_text(FAILING)
    tiny.custom_imports.imports.append('failing_hook')
    tiny.custom_hooks.append(dict(type='FailingHook'))
    path = tmp_path / 'config.py'
    path.write_text(tiny.pretty_text)
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone']
    command += ['--nproc_per_node=2', str(ROOT / 'tools/train.py'), str(path)]
    command += ['--work-dir', str(tmp_path / 'work'), '--launcher', 'pytorch']
    python_path = os.pathsep.join([str(ROOT), str(tmp_path)])
    done = subprocess.run(
        command,
        env=dict(os.environ, PYTHONPATH=python_path, OMP_NUM_THREADS='1'),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    error = 'ValueError: no such image: 007.jpg'
    assert f'Process 1 of 2 failed with {error}' in done.stderr
    assert 'Process 0 of 2 failed' not in done.stderr
    cause = done.stderr.split('Root Cause')[1]
    assert 'local_rank: 1' in cause and error in cause
