"""A training that resumes is in ``tests/models/segmentors/test_sepico.py``."""

from types import SimpleNamespace

import pytest
import torch
from mmseg.registry import HOOKS, MODELS
from torch import nn


def runner_of(num_classes=3, iteration=4):
    model = nn.Module()
    model.class_statistics = MODELS.build(
        dict(type='ClassStatistics', num_classes=num_classes, channels=2)
    )
    return SimpleNamespace(model=model, iter=iteration, hooks=[])


def test_statistics_come_back_from_a_checkpoint():
    torch.manual_seed(0)
    runner, checkpoint = runner_of(), {}
    hook = HOOKS.build(dict(type='ClassStatisticsHook'))
    statistics = runner.model.class_statistics
    statistics.update(torch.randn(1, 2, 4, 4), torch.randint(0, 3, (1, 4, 4)))
    hook.before_save_checkpoint(runner, checkpoint)
    assert checkpoint.keys() == {'class_statistics'}
    resumed = runner_of()
    for other in (resumed, runner_of(num_classes=4)):
        hook.after_load_checkpoint(other, dict(checkpoint))
        if other is resumed:
            hook.before_train(other)
    for name, value in resumed.model.class_statistics.named_buffers():
        assert torch.equal(value, getattr(statistics, name))
    with pytest.raises(ValueError, match='use the settings of the run that wrote'):
        hook.before_train(other)


def test_a_model_without_statistics():
    runner = SimpleNamespace(model=nn.Linear(1, 1), iter=0, hooks=[])
    with pytest.raises(TypeError, match='Linear.class_statistics is no ClassStat'):
        HOOKS.build(dict(type='ClassStatisticsHook')).before_train(runner)


def test_a_checkpoint_without_statistics():
    hook = HOOKS.build(dict(type='ClassStatisticsHook'))
    with pytest.raises(ValueError, match="no entry 'class_statistics'"):
        hook.before_train(runner_of())
