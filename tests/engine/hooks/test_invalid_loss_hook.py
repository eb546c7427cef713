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


def test_the_last_sound_loss_passes(diverging):
    class Run:
        iter = 1

    hook = InvalidLossHook(interval=2)
    assert isinstance(hook, Hook)
    hook.after_train_iter(Run, 0, outputs=dict(loss=torch.tensor(1.0)))
    Run.iter = 2
    hook.after_train_iter(Run, 0, outputs=dict(loss=torch.tensor(float('nan'))))
    Run.iter = 3
    with pytest.raises(FloatingPointError, match='iteration 4: loss is not finite'):
        hook.after_train_iter(Run, 0, outputs=dict(loss=torch.tensor(float('inf'))))
