"""SSUL's configs hold what is known of the authors' settings."""

from pathlib import Path

import pytest
from mmengine.config import Config
from mmseg.registry import MODELS

import mmseg_labelfree  # noqa: F401
from mmseg_labelfree.engine.protocols import build_protocol

ROOT = Path(__file__).parents[2] / 'configs/ssul'


def stages_of(name, **options):
    cfg = Config.fromfile(ROOT / f'{name}.py')
    cfg.merge_from_dict({f'protocol.{k}': v for k, v in options.items()})
    cfg.work_dir = 'work_dirs/test'
    return [stage.cfg for stage in build_protocol(cfg).stages(cfg)]


@pytest.mark.parametrize(('task', 'base', 'steps'), [('15-1', 15, 6), ('10-1', 10, 11)])
def test_voc(task, base, steps):
    stages = stages_of(f'deeplabv3_r101_voc_{task}')
    sizes = [stage.model.decode_head.step_sizes for stage in stages]
    assert sizes == [[base] + [1] * k for k in range(steps)]
    for stage in stages:
        assert stage.optim_wrapper.optimizer.lr == 0.01
        assert stage.train_cfg.max_epochs == stage.param_scheduler[0].end == 50
        assert stage.train_dataloader.batch_size == 32
        assert stage.train_dataloader.dataset.void == 'ignore'
        assert stage.model.backbone.contract_dilation  # as in torchvision
    first, *later = (s.optim_wrapper.paramwise_cfg.custom_keys for s in stages)
    assert first == dict(backbone=dict(lr_mult=0.1))
    assert later == [dict(background=dict(lr_mult=1e-4))] * (steps - 1)


@pytest.mark.parametrize('name', ['demo_voc_15-1', 'deeplabv3_mobilenetv2_vocreal_3-1'])
def test_later_steps_train_the_newest_branch(name):
    first, second, *_ = stages_of(name)
    hooks = {hook.type: hook for hook in second.custom_hooks}
    assert hooks['FrozenTeacherHook'].checkpoint == first.work_dir
    assert hooks['IncrementalClassifierInitHook'].init == 'unknown'
    model = MODELS.build(second.model)
    trained = {k for k, p in model.named_parameters() if p.requires_grad}
    parts = 'hidden.conv.weight', 'classify.weight', 'classify.bias'
    branches = 'background', 'steps.1', 'unknown'
    wanted = {f'decode_head.conv_seg.{b}.{p}' for b in branches for p in parts}
    assert trained == wanted


def test_joint_training_is_one_step():
    (stage,) = stages_of('deeplabv3_r101_voc_15-1', setup='joint')
    assert stage.model.decode_head.step_sizes == [20]
