"""An error in one of two processes ends both, and both say whose it was."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.runner import Runner

ROOT = Path(__file__).parents[2]
FAILING = """
import os
import signal

from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmseg.registry import HOOKS


@HOOKS.register_module()
class FailingHook(Hook):
    def __init__(self, killed=False):
        self.killed = killed

    def fail(self, batch_idx):
        if get_rank() == 1 and batch_idx == 1:
            if self.killed:
                os.kill(os.getpid(), signal.SIGKILL)
            raise ValueError('no such image: 007.jpg')

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.fail(batch_idx)

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.fail(batch_idx)
"""
ERROR = 'ValueError: no such image: 007.jpg'


@pytest.fixture
def failing(tiny, tmp_path, monkeypatch):
    """A config whose run fails in the second process."""
    (tmp_path / 'failing_hook.py').write_text(FAILING)
    monkeypatch.syspath_prepend(tmp_path)
    tiny.custom_imports.imports.append('failing_hook')
    tiny.custom_hooks.append(dict(type='FailingHook'))
    path = tmp_path / 'config.py'
    path.write_text(tiny.pretty_text)
    return path


def test_more_processes_than_gpus(tiny, start_tool, monkeypatch):
    """MMEngine, which looks the GPU up for the log, has none to give."""
    monkeypatch.setattr('torch.cuda.is_available', lambda: True)
    monkeypatch.setattr('torch.cuda.device_count', lambda: 1)
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES')
    world = dict(WORLD_SIZE='2', MASTER_ADDR='127.0.0.1', MASTER_PORT='1')
    process, output = start_tool(
        'train.py',
        tiny.filename,
        *('--launcher', 'pytorch'),
        **dict(world, RANK='1', LOCAL_RANK='1'),
    )
    process.join()
    assert process.exitcode == 1
    (line,) = output.read_text().splitlines()
    assert line.startswith('Error: process 2 on this machine has no GPU')


@pytest.mark.slow
def test_torchrun_names_the_cause(failing, tmp_path):
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone']
    command += ['--nproc_per_node=2', str(ROOT / 'tools/train.py'), str(failing)]
    command += ['--work-dir', str(tmp_path / 'work'), '--launcher', 'pytorch']
    python_path = os.pathsep.join([str(ROOT), str(tmp_path)])
    done = subprocess.run(
        command,
        env=dict(os.environ, PYTHONPATH=python_path, OMP_NUM_THREADS='1'),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert f'Process 1 of 2 failed with {ERROR}' in done.stderr
    assert 'Process 0 of 2 failed' not in done.stderr
    cause = done.stderr.split('Root Cause')[1]
    assert 'local_rank: 1' in cause and ERROR in cause


@pytest.mark.slow
@pytest.mark.parametrize('tool', ['train.py', 'test.py'])
def test_each_process_says_whose_error_it_was(
    tool, failing, tiny, tmp_path, tool_in_two_processes
):
    arguments = failing, '--work-dir', tmp_path / 'work'
    if tool == 'test.py':
        tiny.custom_hooks = []
        Runner.from_cfg(tiny).train()
        arguments = failing, tiny.work_dir
    (code, first), (other_code, second) = tool_in_two_processes(tool, *arguments)
    assert (code, other_code) == (1, 1)
    assert f'Process 1 of 2 failed with {ERROR}\n' in second
    assert 'Process 0 of 2 stopped: another process failed' in first, first


@pytest.mark.slow
def test_a_killed_process_ends_the_other(failing, tmp_path, tool_in_two_processes):
    text = failing.read_text().replace(
        "type='FailingHook'", "type='FailingHook', killed=True"
    )
    failing.write_text(text)
    arguments = 'train.py', failing, '--work-dir', tmp_path / 'work'
    (code, first), (other_code, _) = tool_in_two_processes(*arguments)
    assert (code, other_code) == (1, -9)
    assert 'Process 0 of 2 stopped: another process failed' in first, first
