from pathlib import Path

import torch
from mmengine.runner import Runner

from mmseg_labelfree.engine.hooks import ChannelsLastHook
from mmseg_labelfree.engine.protocols import ProtocolRunner


def layouts(model):
    weights = [p for p in model.parameters() if p.dim() == 4 and p.shape[-1] > 1]
    assert weights
    return {w.is_contiguous(memory_format=torch.channels_last) for w in weights}


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
