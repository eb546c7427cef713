import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import MODELS

import mmseg_labelfree  # noqa: F401
from mmseg_labelfree.engine.hooks import InvalidLossHook


@pytest.fixture
def diverging(semi):
    """Training whose labeled loss is NaN from the fourth iteration on."""

    @MODELS.register_module(force=True)
    class DivergingLoss(torch.nn.Module):
        loss_name = 'loss_diverging'
        calls = 0

        def forward(self, logits, label, **kwargs):
            type(self).calls += 1
            return logits.float().mean() * (1 if self.calls <= 3 else float('nan'))

    semi.model.decode_head.loss_decode = dict(type='DivergingLoss')
    semi.model.type = 'EncoderDecoder'
    for key in ('mixing', 'mixing_prob', 'strong_view'):
        semi.model.pop(key)
    semi.custom_hooks = [dict(type='IterationSeedHook')]
    yield semi
    MODELS.module_dict.pop('DivergingLoss')


def test_stops_before_a_broken_checkpoint_is_written(diverging, tmp_path):
    diverging.default_hooks.invalid_loss = dict(type='InvalidLossHook', interval=2)
    diverging.experiment_name = 'diverging'
    runner = Runner.from_cfg(diverging)
    with pytest.raises(FloatingPointError, match='iteration 4: .*loss_diverging'):
        runner.train()
    checkpoints = sorted(p.name for p in tmp_path.glob('work/*.pth'))
    assert checkpoints == ['iter_2.pth']


def test_looks_at_the_last_iteration_too(diverging, tmp_path):
    diverging.default_hooks.invalid_loss = dict(type='InvalidLossHook', interval=50)
    diverging.default_hooks.checkpoint.interval = 3
    diverging.experiment_name = 'diverging_at_the_end'
    diverging.train_cfg.max_iters = 4
    sound = tmp_path / 'work/iter_3.pth'
    message = f'iteration 4: .*loss_diverging.*--resume goes on from {sound}'
    with pytest.raises(FloatingPointError, match=message):
        Runner.from_cfg(diverging).train()
    assert [*tmp_path.glob('work/*.pth')] == [sound]


class BreakWeight(Hook):
    """Makes a weight NaN while the loss is finite, as a gradient of NaN does."""

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter + 1 == 4:
            runner.model.decode_head.conv_seg.bias.data.fill_(float('nan'))


def test_broken_weights_replace_no_checkpoint(tiny, tmp_path):
    tiny.default_hooks.invalid_loss = dict(type='InvalidLossHook', interval=50)
    runner = Runner.from_cfg(tiny)
    runner.register_hook(BreakWeight())
    with pytest.raises(FloatingPointError, match=r'conv_seg.bias is not finite'):
        runner.train()
    assert [p.name for p in tmp_path.glob('work/*.pth')] == ['iter_2.pth']
    assert not list(tmp_path.glob('work/.*'))


def test_the_last_sound_loss_passes(tmp_path):
    class Run:
        iter = 1
        max_iters = 9
        work_dir = tmp_path

    hook = InvalidLossHook(interval=2)
    assert isinstance(hook, Hook)
    hook.after_train_iter(Run, 0, outputs=dict(loss=torch.tensor(1.0)))
    Run.iter = 2
    hook.after_train_iter(Run, 0, outputs=dict(loss=torch.tensor(float('nan'))))
    Run.iter = 3
    with pytest.raises(FloatingPointError, match='iteration 4: loss is not finite'):
        hook.after_train_iter(Run, 0, outputs=dict(loss=torch.tensor(float('inf'))))
