"""A training holds as many tensors, files and threads late as early."""

import gc
import threading
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

pytestmark = pytest.mark.slow


class Held(Hook):
    """Counts what the process holds, after the first validation and before the last."""

    def __init__(self):
        self.counts = {}

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter not in (24, 38):
            return
        gc.collect()
        tensors = [x for x in gc.get_objects() if type(x) is torch.Tensor]
        self.counts[runner.iter] = dict(
            tensors=len(tensors),
            bytes=sum(x.nbytes for x in tensors),
            files=len([*Path('/proc/self/fd').iterdir()]),
            threads=threading.active_count(),
        )


@pytest.mark.parametrize('kind', ['tiny', 'semi', 'iddc'])
def test_nothing_grows(kind, request):
    cfg = request.getfixturevalue(kind)
    cfg.train_cfg.update(max_iters=40, val_interval=20)
    runner, held = Runner.from_cfg(cfg), Held()
    runner.register_hook(held, priority='LOWEST')
    runner.train()
    early, late = held.counts.values()
    assert early == late
