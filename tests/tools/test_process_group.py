"""``tools/train.py`` and ``tools/test.py`` end the process group that they started."""

import runpy
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

TOOLS = Path(__file__).parents[2] / 'tools'


@pytest.fixture
def one_process(monkeypatch):
    """The environment that a launcher gives to the process of a world of one."""
    values = dict(
        RANK=0, LOCAL_RANK=0, WORLD_SIZE=1, MASTER_ADDR='127.0.0.1', MASTER_PORT=0
    )
    for name, value in values.items():
        monkeypatch.setenv(name, str(value))
    yield
    if dist.is_initialized():
        dist.destroy_process_group()


def gloo_threads():
    names = [p.read_text() for p in Path('/proc/self/task').glob('*/comm')]
    return sum('gloo' in name for name in names)


@pytest.mark.slow
def test_tools_leave_no_process_group(incremental, tmp_path, one_process, monkeypatch):
    incremental.protocol.initial_step = dict(
        train_cfg=dict(max_iters=1, val_interval=1),
    )
    threads = []
    destroy = dist.destroy_process_group
    monkeypatch.setattr(
        dist,
        'destroy_process_group',
        lambda: (threads.append(gloo_threads()), destroy()),
    )
    path = tmp_path / 'config.py'
    incremental.dump(path)
    for tool in ('train.py', 'test.py'):
        monkeypatch.setattr(
            sys, 'argv', [tool, str(path), '--stage', 'step_0', '--launcher', 'pytorch']
        )
        runpy.run_path(str(TOOLS / tool), run_name='__main__')
        assert not dist.is_initialized()
        # torch 2.1 gives its threads no names.
        assert threads.pop() > 0 or torch.__version__.startswith('2.1.')
        assert gloo_threads() == 0
    log = max(Path(incremental.work_dir).rglob('*.log')).read_text()
    assert 'Distributed training: True' in log
