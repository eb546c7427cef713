import copy
import logging

import pytest
import torch
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import nn

from mmseg_labelfree.engine.hooks import ClusterMonitorHook, FreezeScheduleHook
from mmseg_labelfree.utils.distributed import prepare_cpu_processes
from mmseg_labelfree.visualization import write_cluster_history


class Data(torch.utils.data.Dataset):
    metainfo = dict(classes=('a', 'b'))

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return torch.ones(2)


class Model(nn.Module):
    """Clusters die one after the other."""

    def __init__(self, clusters=3):
        super().__init__()
        self.backbone = nn.Linear(2, 2)
        self.train_backbone = False
        self.register_buffer('cluster_counts', torch.zeros(clusters, dtype=torch.long))

    def train_step(self, data, optim_wrapper):
        step = self.steps = getattr(self, 'steps', 0) + 1
        self.cluster_counts += torch.tensor([6, 3 * (step <= 4), 1 * (step <= 2)])
        return dict(loss=torch.zeros(()))


class Uncounted(Model):
    def __init__(self):
        super().__init__()
        del self.cluster_counts


def runner(tmp_path, model, hook, name):
    return Runner(
        model=model,
        work_dir=str(tmp_path),
        experiment_name=name,
        train_dataloader=dict(
            dataset=Data(),
            batch_size=2,
            sampler=dict(type='DefaultSampler', shuffle=False),
        ),
        train_cfg=dict(by_epoch=False, max_iters=8),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        custom_hooks=[hook],
        default_scope='mmseg',
    )


@pytest.mark.slow
def test_dying_clusters_are_named_once(tmp_path, caplog):
    hook = HOOKS.build(dict(type='ClusterMonitorHook', interval=2))
    assert isinstance(hook, ClusterMonitorHook)
    running = runner(tmp_path, Model(), hook, 'dying')
    messages = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(record.getMessage())
    running.logger.addHandler(handler)
    running.train()
    dead = [m for m in messages if 'won no pixel' in m]
    assert len(dead) == 2
    assert dead[0].startswith('1 of 3 clusters have won no pixel in the last 2')
    assert '[2]' in dead[0] and '[1]' in dead[1]
    assert [r['empty'] for r in hook.history['train']] == [0, 1, 2, 2]
    assert hook.history['train'][0]['shares'] == [0.6, 0.3, 0.1]
    assert hook.history['train'][1]['shares'] == pytest.approx([2 / 3, 1 / 3, 0])
    scalars = running.message_hub.log_scalars
    assert scalars['train/clusters.empty'].current() == 2
    assert (tmp_path / 'clusters.png').exists()


def test_hooks_say_which_model_they_need(tmp_path):
    for number, (model, hook, error, message) in enumerate(
        [
            (Uncounted(), 'ClusterMonitorHook', TypeError, 'has no cluster_counts'),
            (
                Model(1),
                'ClusterMonitorHook',
                ValueError,
                '1 clusters cannot stand for the',
            ),
            (Model(), 'FreezeScheduleHook', TypeError, 'has no freeze_backbone'),
        ]
    ):
        running = runner(tmp_path, model, dict(type=hook), f'wrong{number}')
        with pytest.raises(error, match=message):
            running.train()
    model = Model()
    model.freeze_backbone = None
    running = runner(tmp_path, model, FreezeScheduleHook(), 'frozen')
    with pytest.raises(ValueError, match='set model.train_backbone=True'):
        running.train()
    with pytest.raises(ValueError, match='is no part of 0 to 1'):
        FreezeScheduleHook(frozen=[(0.5, 1.2)])


def test_history_can_be_drawn_when_nothing_happened(tmp_path):
    write_cluster_history(tmp_path / 'empty.png', dict(train=[], val=[]))
    assert (tmp_path / 'empty.png').stat().st_size > 1000


def _history(cfg, batch_size):
    cfg.launcher, cfg.train_dataloader.batch_size = 'pytorch', batch_size
    prepare_cpu_processes(cfg)
    running = Runner.from_cfg(cfg)
    running.train()
    (hook,) = (h for h in running.hooks if isinstance(h, ClusterMonitorHook))
    return hook.history


@pytest.mark.slow
@pytest.mark.parametrize('images', [5, 2])
def test_any_number_of_processes(iddc, in_processes, images):
    """An image that a sampler repeats, so that processes have as many, counts once."""
    iddc.optim_wrapper.optimizer.lr = 0.0  # negatives are drawn by each process
    iddc.val_dataloader.dataset.indices = images
    iddc.custom_hooks[-1]['interval'] = 3
    expected = None
    for processes in (1, 2, 3):
        cfg = copy.deepcopy(iddc)
        cfg.work_dir += f'_{processes}'
        found = in_processes(processes, _history, cfg, 6 // processes)
        expected = expected or found[0]
        assert [r['iter'] for r in expected['train']] == [3, 6]
        assert found == [expected] * processes
