"""Fewer GPUs: accumulated gradients give the steps of the large batch."""

import copy

import pytest
import torch
from mmengine.runner import Runner


def trained(cfg, work_dir, batch_size, count, iters):
    cfg = copy.deepcopy(cfg)
    cfg.work_dir = str(work_dir)
    cfg.train_dataloader.batch_size = batch_size
    cfg.train_dataloader.sampler = dict(type='InfiniteSampler', shuffle=False)
    for step in cfg.train_dataloader.dataset.pipeline:
        if step['type'] == 'RandomCrop':  # the same crops whatever the batch
            step.update(type='Resize', scale=(24, 24), keep_ratio=False)
            step.pop('crop_size')
        elif step['type'] == 'RandomFlip':
            step.prob = 0.0
    cfg.optim_wrapper.accumulative_counts = count
    cfg.train_cfg.update(max_iters=iters, val_interval=iters)
    cfg.param_scheduler = []
    cfg.custom_hooks = [dict(type='EMATeacherHook', momentum=0.5)]
    cfg.model.type = 'MeanTeacherEncoderDecoder'
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner.model.state_dict(), runner.model.teacher.state_dict()


@pytest.mark.slow
def test_weights_and_teacher_are_those_of_the_large_batch(tiny, tmp_path):
    large = trained(tiny, tmp_path / 'large', batch_size=8, count=1, iters=2)
    small = trained(tiny, tmp_path / 'small', batch_size=2, count=4, iters=8)
    for expected, found in zip(large, small, strict=True):
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-5)
