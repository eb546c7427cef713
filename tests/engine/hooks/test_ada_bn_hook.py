import copy

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn


class Seen(Hook):
    """Notes the statistics that a validation runs with."""

    priority = 'LOWEST'

    def before_val_epoch(self, runner):
        self.state = copy.deepcopy(runner.model.state_dict())
        teacher = vars(runner.model).get('_teacher')
        self.teacher = teacher and copy.deepcopy(teacher.state_dict())

    before_test_epoch = before_val_epoch


@pytest.fixture
def adapted(semi):
    """A mean teacher whose validations see the statistics of the training images."""
    cfg = copy.deepcopy(semi)
    dataset = copy.deepcopy(cfg.val_dataloader.dataset)
    cfg.custom_hooks.append(
        dict(
            type='AdaBNHook',
            dataloader=dict(
                batch_size=3,
                num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=dataset,
            ),
        )
    )
    return cfg


def train(cfg, name):
    cfg = copy.deepcopy(cfg)
    cfg.work_dir += f'_{name}'
    cfg.experiment_name = f'ada_bn_{name}'
    runner = Runner.from_cfg(cfg)
    seen = Seen()
    runner.register_hook(seen, priority='LOWEST')
    runner.train()
    return runner, seen


@pytest.mark.slow
def test_statistics_are_those_of_the_target(adapted, semi):
    runner, seen = train(adapted, 'with')
    plain, before = train(semi, 'without')
    state = runner.model.state_dict()
    # Training and checkpoints know nothing of it.
    for name, value in plain.model.state_dict().items():
        assert torch.equal(state[name], value), name
    adapted_stats = [n for n in state if not torch.equal(seen.state[n], state[n])]
    assert {n.rpartition('.')[2] for n in adapted_stats} >= {
        'running_mean',
        'running_var',
    }
    assert not any(n.endswith(('weight', 'bias')) for n in adapted_stats)
    assert all(torch.equal(before.state[n], state[n]) for n in state)
    # The first layer's by hand: the mean over the batches of their statistics.
    images = [runner.val_dataloader.dataset[i] for i in range(6)]
    model = runner.model
    conv = next(m for m in model.backbone.modules() if isinstance(m, nn.Conv2d))
    means, variances = [], []
    for start in (0, 3):
        batch = dict(
            inputs=[images[i]['inputs'] for i in range(start, start + 3)],
            data_samples=[images[i]['data_samples'] for i in range(start, start + 3)],
        )
        with torch.no_grad():
            x = conv(model.data_preprocessor(batch, False)['inputs'])
        means.append(x.mean((0, 2, 3)))
        variances.append(x.var((0, 2, 3)))
    norm = next(n for n in state if n.endswith('running_mean'))
    torch.testing.assert_close(seen.state[norm], sum(means) / 2)
    torch.testing.assert_close(
        seen.state[norm.replace('mean', 'var')], sum(variances) / 2
    )
    teacher = model.teacher.state_dict()
    assert not torch.equal(seen.teacher[norm], teacher[norm])
    assert all(m.momentum == 0.1 for m in model.modules() if hasattr(m, 'momentum'))


@pytest.mark.slow
def test_a_stock_config_and_few_batches(tiny, adapted):
    for part in (tiny.model.backbone, tiny.model.decode_head):
        part.norm_cfg = dict(type='BN')
    hook = dict(adapted.custom_hooks[-1], num_batches=1)
    tiny.custom_hooks.append(hook)
    tiny.experiment_name = 'ada_bn_stock'
    runner = Runner.from_cfg(tiny)
    seen = Seen()
    runner.register_hook(seen, priority='LOWEST')
    runner.test()
    counters = [v for n, v in seen.state.items() if n.endswith('num_batches_tracked')]
    assert counters and all(value == 1 for value in counters)


def test_no_batch_norm(tiny, adapted):
    tiny.custom_hooks.append(adapted.custom_hooks[-1])
    tiny.experiment_name = 'ada_bn_none'
    runner = Runner.from_cfg(tiny)
    with pytest.raises(ValueError, match='AdaBNHook: .* has no batch norm to adapt'):
        runner.test()
