from pathlib import Path

import pytest
import torch
from mmengine.runner import Runner

from mmseg_labelfree.engine.hooks import ChannelsLastHook
from mmseg_labelfree.engine.protocols import ProtocolRunner
from mmseg_labelfree.utils.distributed import bare_model, prepare_cpu_processes


def layouts(model):
    weights = [p for p in model.parameters() if p.dim() == 4 and p.shape[-1] > 1]
    assert weights
    return {w.is_contiguous(memory_format=torch.channels_last) for w in weights}


@pytest.mark.slow
def test_student_and_teacher_are_converted(incremental):
    runner = ProtocolRunner(incremental)
    runner.run('step_0')
    stage = runner.stage('step_1').cfg
    stage.custom_hooks.insert(0, dict(type='ChannelsLastHook'))
    run = Runner.from_cfg(stage)
    assert layouts(run.model) == {False}
    run.train()
    assert layouts(run.model) == layouts(run.model.teacher) == {True}
    assert any(isinstance(h, ChannelsLastHook) for h in run.hooks)


def test_layers_that_would_corrupt_memory_keep_their_layout(incremental):
    incremental.model.backbone.update(strides=(1, 2, 1, 1), base_channels=8)
    incremental.model.decode_head.in_channels = 64
    stage = ProtocolRunner(incremental).stage('step_0').cfg
    stage.custom_hooks.insert(0, dict(type='ChannelsLastHook'))
    stage.train_cfg.update(max_iters=1, val_interval=2)
    run = Runner.from_cfg(stage)
    run.train()
    assert layouts(run.model) == {False}
    (log,) = Path(stage.work_dir).rglob('*.log')
    assert 'because of backbone.layer2.0.downsample.0' in log.read_text()


def test_a_test_does_not_convert(tiny):
    tiny.custom_hooks.append(dict(type='ChannelsLastHook'))
    runner = Runner.from_cfg(tiny)
    runner.test()
    assert layouts(runner.model) == {False}


def weights_after(cfg):
    runner = Runner.from_cfg(cfg)
    runner.train()
    return bare_model(runner.model).state_dict()


def test_the_layout_changes_rounding_alone(tiny):
    tiny.train_cfg.max_iters = 2
    tiny.val_cfg = tiny.val_dataloader = tiny.val_evaluator = None
    expected = weights_after(tiny)
    tiny.experiment_name = 'channels_last'
    tiny.custom_hooks.append(dict(type='ChannelsLastHook'))
    found = weights_after(tiny)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-5)


def differing_weights(cfg, expected):
    cfg.launcher = 'pytorch'
    prepare_cpu_processes(cfg)
    weights = weights_after(cfg)
    return [k for k, value in expected.items() if not torch.equal(weights[k], value)]


@pytest.mark.slow
def test_two_processes_with_the_batch_of_one_are_exactly_one(tiny, in_two_processes):
    """The mean of two equal gradients is that gradient, to the last bit."""
    tiny.custom_hooks.append(dict(type='ChannelsLastHook'))
    images = tiny.train_dataloader.dataset
    images.indices = 1  # all batches are copies of one image
    images.pipeline = [images.pipeline[0], images.pipeline[1], images.pipeline[-1]]
    tiny.train_cfg.max_iters = 2
    tiny.val_cfg = tiny.val_dataloader = tiny.val_evaluator = None
    alone = weights_after(tiny)
    tiny.experiment_name = 'two'
    assert in_two_processes(differing_weights, tiny, alone) == [[], []]
