"""Trainings that are cut and resumed."""

import copy

import pytest
from mmengine.hooks import Hook
from mmengine.runner import Runner


class Record(Hook):
    """What a training logs in each iteration, and scores at its end."""

    def __init__(self):
        self.losses, self.metrics = [], {}

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.losses.append({k: float(v) for k, v in outputs.items()})

    def after_val_epoch(self, runner, metrics=None):
        self.metrics = metrics


class Stop(Hook):
    """Ends a training after its fourth iteration."""

    def after_train_iter(self, runner, *args, **kwargs):
        runner.train_loop.stop_training = runner.iter == 3


@pytest.fixture
def whole_and_resumed():
    """Train a config whole, and once more with a cut: runner and record of each."""

    def train(cfg, name, *hooks, **changes):
        cfg = copy.deepcopy(cfg)
        cfg.merge_from_dict(changes)
        cfg.experiment_name = f'{name}_{cfg.work_dir}'.replace('/', '_')
        runner, record = Runner.from_cfg(cfg), Record()
        for hook in (record, *hooks):
            runner.register_hook(hook, priority='LOWEST')
        runner.train()
        return runner, record

    def whole_and_resumed(cfg):
        whole = train(cfg, 'whole')
        cut = dict(work_dir=cfg.work_dir + '_cut')
        train(cfg, 'cut', Stop(), **cut)
        return whole, train(cfg, 'resumed', resume=True, **cut)

    return whole_and_resumed
