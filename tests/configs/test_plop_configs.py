"""PLOP's and EWF's configs hold what is known of the authors' settings."""

from pathlib import Path

import pytest
from mmengine.config import Config

import mmseg_labelfree  # noqa: F401
from mmseg_labelfree.engine.protocols import build_protocol

ROOT = Path(__file__).parents[2] / 'configs'
VOC = 'plop/deeplabv3_r101_voc_'
EWF = ['ewf/deeplabv3_r101_voc_15-1', 'plop/deeplabv3_r101_voc_15-1_ewf']


def stages_of(name):
    cfg = Config.fromfile(ROOT / f'{name}.py')
    cfg.work_dir = 'work_dirs/test'
    return [stage.cfg for stage in build_protocol(cfg).stages(cfg)]


def hook_of(stage, kind):
    (hook,) = [hook for hook in stage.custom_hooks if hook.type == kind]
    return hook


@pytest.mark.parametrize('task', ['15-1', '10-1', '15-1_ewf'])
def test_void_and_future_classes_of_voc(task):
    for stage in stages_of(VOC + task):
        assert stage.train_dataloader.dataset.void == 'ignore'
        for loader in (stage.val_dataloader, stage.test_dataloader):
            assert loader.dataset.void == 'ignore'
            assert loader.dataset.future == 'background'


@pytest.mark.parametrize(
    ('name', 'first', 'later'),
    [
        (VOC + '15-1', 30, 30),
        (VOC + '10-1', 30, 10),
        (VOC + '15-1_ewf', 30, 30),
        ('plop/deeplabv3_r101_ade20k_100-10', 60, 60),
    ],
)
def test_schedule(name, first, later):
    stages = stages_of(name)
    assert len(stages) == (11 if '10-1' in name and 'voc' in name else 6)
    for step, stage in enumerate(stages):
        epochs = later if step else first
        assert stage.optim_wrapper.optimizer.lr == (0.001 if step else 0.01)
        assert stage.train_cfg.max_epochs == stage.train_cfg.val_interval == epochs
        assert stage.param_scheduler[0].end == epochs
        assert stage.auto_scale_lr.base_batch_size == 24


@pytest.mark.parametrize(
    ('name', 'features', 'logits'),
    [
        (VOC + '15-1', 0.01, 0.0005),
        (VOC + '10-1', 0.01, 0.0005),
        (VOC + '15-1_ewf', 0.01, 0.0005),
        ('plop/deeplabv3_r101_ade20k_100-10', 0.001, 0.00001),
    ],
)
def test_method(name, features, logits):
    first, *others = stages_of(name)
    assert first.model.distillation == []
    for stage in others:
        (loss,) = stage.model.distillation
        assert loss.type == 'LocalPODLoss' and list(loss.scales) == [1, 2, 4]
        assert (loss.loss_weight, loss.logit_weight) == (features, logits)
        assert stage.model.decode_head.loss_decode == dict(type='CrossEntropyLoss')
        assert stage.model.thresholds == 'median'
        assert hook_of(stage, 'IncrementalClassifierInitHook').init == 'background'
        hook_of(stage, 'EntropyThresholdHook'), hook_of(stage, 'FrozenTeacherHook')


@pytest.mark.parametrize('name', EWF)
def test_weights_are_fused_after_every_later_step(name):
    stages = stages_of(name)
    fusions = [hook_of(stage, 'WeightFusionHook') for stage in stages]
    assert all(fusion.fix_old_classifier for fusion in fusions)
    starts = [fusion.get('checkpoint') for fusion in fusions]
    assert starts == [None, *(stage.work_dir for stage in stages[:-1])]
    for stage in stages:
        assert stage.train_dataloader.batch_size == 6  # on each of 4 GPUs
        assert stage.auto_scale_lr.base_batch_size == 24
        assert stage.train_cfg.max_epochs == 30


def test_ewf_is_on_mib_as_it_is():
    for stage in stages_of(EWF[0])[1:]:
        (loss,) = stage.model.distillation
        assert loss.type == 'UnbiasedKnowledgeDistillationLoss'
        assert loss.loss_weight == 10
        assert stage.train_dataloader.dataset.void == 'background'
        assert stage.val_dataloader.dataset.future == 'ignore'
        assert stage.optim_wrapper.optimizer.lr == 0.001
