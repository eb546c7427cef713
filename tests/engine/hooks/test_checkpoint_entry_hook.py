import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

from mmseg_labelfree.engine.hooks import CheckpointEntryHook


class CountHook(CheckpointEntryHook):
    """Counts iterations."""

    entry = 'count'
    remedy = 'count from the start'

    def __init__(self, save=True):
        self.save = save
        self.count = 0

    def after_train_iter(self, runner, *args, **kwargs):
        self.count += 1

    def contents(self, runner):
        return self.count if self.save else None

    def restore(self, runner, entry):
        self.count = entry


class ForgivingHook(CountHook):
    def restore_nothing(self, runner):
        self.count = -100


class Mean(BaseModel):
    def __init__(self):
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(2))

    def forward(self, inputs, mode='loss'):
        return dict(loss=(torch.stack(inputs) - self.mean).square().mean())


class Points(torch.utils.data.Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return dict(inputs=torch.ones(2))


def train(folder, hook, iters, **kwargs):
    runner = Runner(
        model=Mean(),
        work_dir=str(folder),
        experiment_name=f'{folder.name}_{iters}_{id(hook)}',
        train_dataloader=dict(
            dataset=Points(),
            batch_size=2,
            sampler=dict(type='DefaultSampler', shuffle=False),
        ),
        train_cfg=dict(by_epoch=False, max_iters=iters),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=2)
        ),
        custom_hooks=[hook],
        default_scope='mmseg',
        **kwargs,
    )
    runner.train()
    return str(folder / f'iter_{iters}.pth')


def test_entry_goes_with_the_checkpoint(tmp_path):
    first, second, third = CountHook(), CountHook(), CountHook()
    path = train(tmp_path / 'first', first, 2)
    assert torch.load(path, weights_only=False)['count'] == 2
    train(tmp_path / 'resumed', second, 6, load_from=path, resume=True)
    assert second.count == 6
    train(tmp_path / 'loaded', third, 6, load_from=path)
    assert third.count == 6 and third.loaded is None


def test_resuming_without_an_entry(tmp_path):
    path = train(tmp_path / 'without', CountHook(save=False), 2)
    assert 'count' not in torch.load(path, weights_only=False)
    message = "has no entry 'count': .* without CountHook; count from the start"
    with pytest.raises(ValueError, match=message):
        train(tmp_path / 'refused', CountHook(), 4, load_from=path, resume=True)
    hook = ForgivingHook()
    train(tmp_path / 'begun', hook, 4, load_from=path, resume=True)
    assert hook.count == -98
