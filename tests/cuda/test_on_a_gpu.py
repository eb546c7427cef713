"""What only a GPU shows: ``make test-cuda`` runs it and writes a table."""

import copy

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from mmseg_labelfree.utils.distributed import bare_model

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU'),
]
MIXED = dict(type='AmpOptimWrapper', optimizer=dict(type='SGD', lr=0.05, momentum=0.9))


@HOOKS.register_module()
class StepRecordHook(Hook):
    """Keeps student and teacher after each iteration; spoils one gradient."""

    priority = 'LOWEST'

    def __init__(self, overflow_at=None):
        self.overflow_at = overflow_at
        self.record = []

    def before_train(self, runner):
        weight = bare_model(runner.model).decode_head.conv_seg.weight
        weight.register_hook(
            lambda grad: grad * torch.inf if runner.iter == self.overflow_at else None
        )

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        model = bare_model(runner.model)
        both = model, vars(model).get('_teacher')
        name = 'decode_head.conv_seg.weight'
        self.record.append(
            [m.state_dict()[name].clone() if m is not None else None for m in both]
        )


def train(cfg, name, overflow_at=None, **settings):
    cfg = copy.deepcopy(cfg)
    cfg.merge_from_dict(dict(settings, experiment_name=name))
    cfg.work_dir += f'_{name}'
    cfg.custom_hooks.append(dict(type='StepRecordHook', overflow_at=overflow_at))
    runner = Runner.from_cfg(cfg)
    runner.train()
    (hook,) = (h for h in runner.hooks if isinstance(h, StepRecordHook))
    return runner, hook.record


@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
def test_mixed_precision_follows_full_precision(tiny, dtype):
    optim_wrapper = dict(MIXED, dtype=dtype, loss_scale='dynamic')
    tiny.train_cfg.max_iters = 2
    expected = train(tiny, 'float32')[1][-1][0]
    found = train(tiny, dtype, optim_wrapper=optim_wrapper)[1][-1][0]
    torch.testing.assert_close(found, expected, rtol=0.1, atol=0.01)


@pytest.mark.parametrize('fused', [False, True])
def test_an_overflow_moves_neither_student_nor_teacher(semi, fused):
    optim_wrapper = copy.deepcopy(MIXED) | dict(loss_scale=dict(init_scale=1024.0))
    optim_wrapper['optimizer']['fused'] = fused
    steps = train(semi, 'mixed', overflow_at=3, optim_wrapper=optim_wrapper)[1]
    for before, after in zip(steps[2], steps[3], strict=True):
        assert torch.equal(before, after)
    for before, after in zip(steps[3], steps[4], strict=True):
        assert not torch.equal(before, after) and after.isfinite().all()


def test_channels_last_computes_the_same(tiny):
    expected = train(tiny, 'contiguous')[1][-1][0]
    tiny.custom_hooks.append(dict(type='ChannelsLastHook'))
    runner, record = train(tiny, 'channels_last')
    weights = [p for p in runner.model.parameters() if p.dim() == 4]
    last = torch.channels_last
    assert all(w.is_contiguous(memory_format=last) for w in weights)
    torch.testing.assert_close(record[-1][0], expected, rtol=1e-2, atol=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason='needs two GPUs')
def test_two_processes_over_nccl(semi, tmp_path, train_in_two_processes):
    semi.custom_hooks += [
        dict(type='NormStatisticsHook'),
        dict(type='ChannelsLastHook'),
    ]
    path = tmp_path / 'config.py'
    path.write_text(semi.pretty_text)
    train_in_two_processes(path, tmp_path / 'two')
    saved = torch.load(tmp_path / 'two/iter_6.pth', 'cpu', weights_only=False)
    for weights in (saved['state_dict'], saved['ema_teacher']['state_dict']):
        assert all(value.isfinite().all() for value in weights.values())
