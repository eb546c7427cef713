import copy
import shutil

import pytest
import torch
from mmengine.runner import Runner
from mmseg.registry import MODELS

from mmseg_labelfree.engine.hooks import (
    FrozenTeacherHook,
    IncrementalClassifierInitHook,
)
from mmseg_labelfree.engine.hooks.incremental_classifier_init_hook import (
    grow_state_dict,
)
from mmseg_labelfree.engine.protocols import ProtocolRunner
from mmseg_labelfree.utils.checkpoint import load_weights


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    """Where the first test keeps its finished step 0 for the others."""
    return tmp_path_factory.mktemp('finished') / 'step_0'


@pytest.fixture
def trained(incremental, finished):
    """A finished step 0 and the config of step 1."""
    runner = ProtocolRunner(incremental)
    folder = runner.stage('step_0').cfg.work_dir
    if finished.exists():
        shutil.copytree(finished, folder)
    else:
        runner.run('step_0')
        shutil.copytree(folder, finished)
    return runner.stage('step_1').cfg


def probabilities(model, image):
    with torch.no_grad():
        return model.eval()(image, mode='tensor').double().softmax(1)


@pytest.mark.parametrize('num_new', [1, 3])
def test_new_classes_share_the_background(trained, num_new):
    old, _, _ = load_weights(trained.custom_hooks[1].checkpoint)
    cfg = copy.deepcopy(trained.model)
    cfg.decode_head.num_classes = 3
    teacher = MODELS.build(cfg)
    teacher.load_state_dict(old)
    cfg.decode_head.num_classes = 3 + num_new
    cfg.auxiliary_head = None
    student = MODELS.build(cfg)
    student.load_state_dict(grow_state_dict(old, student.state_dict()))
    image = torch.randn(2, 3, 20, 20)
    before, after = probabilities(teacher, image), probabilities(student, image)
    shared = before[:, :1] / (num_new + 1)
    torch.testing.assert_close(after[:, :1], shared, rtol=1e-5, atol=1e-8)
    for c in range(3, 3 + num_new):
        torch.testing.assert_close(after[:, c : c + 1], shared, rtol=1e-5, atol=1e-8)
    torch.testing.assert_close(after[:, 1:3], before[:, 1:], rtol=1e-5, atol=1e-8)


def test_random_init_keeps_the_old_rows(trained):
    old, _, _ = load_weights(trained.custom_hooks[1].checkpoint)
    student = MODELS.build(trained.model)
    student.init_weights()
    fresh = {k: v.clone() for k, v in student.state_dict().items()}
    grown = grow_state_dict(old, student.state_dict(), init='random')
    for key in ('decode_head.conv_seg.weight', 'decode_head.conv_seg.bias'):
        assert torch.equal(grown[key][:3], old[key])
        assert torch.equal(grown[key][3:], fresh[key][3:])
    with pytest.raises(ValueError, match="init='zeros' is unknown"):
        IncrementalClassifierInitHook('x', init='zeros')


def test_other_differences_are_named(trained):
    old, _, _ = load_weights(trained.custom_hooks[1].checkpoint)
    new = MODELS.build(trained.model).state_dict()
    missing = {k: v for k, v in old.items() if k != 'backbone.stem.0.weight'}
    with pytest.raises(ValueError, match='backbone.stem.0.weight is missing'):
        grow_state_dict(missing, new)
    with pytest.raises(ValueError, match='extra is unexpected'):
        grow_state_dict({**old, 'extra': torch.ones(1)}, new)
    wrong = {**old, 'backbone.stem.0.weight': torch.ones(2)}
    with pytest.raises(ValueError, match=r'stem.0.weight is \(2,\) instead of'):
        grow_state_dict(wrong, new)


def test_checkpoint_of_another_task_is_refused(trained):
    trained.train_dataloader.dataset.task = [['dot', 'bar'], ['square'], ['frame']]
    with pytest.raises(ValueError, match='another task or class order'):
        Runner.from_cfg(trained).train()


def test_teacher_is_frozen_and_in_no_state(trained):
    runner = Runner.from_cfg(trained)
    runner.train()
    model, teacher = runner.model, runner.model.teacher
    assert type(teacher).__name__ == 'EncoderDecoder'
    assert teacher.num_classes == teacher.out_channels == 3
    assert not any(m.training for m in teacher.modules())
    assert not any(p.requires_grad for p in teacher.parameters())
    owned = {id(p) for p in model.parameters()}
    assert not owned & {id(p) for p in teacher.parameters()}
    expected, _, _ = load_weights(trained.custom_hooks[1].checkpoint)
    for key, value in teacher.state_dict().items():
        assert torch.equal(value, expected[key])
    saved, _, _ = load_weights(trained.work_dir)
    assert set(saved) == set(expected)
    assert len(saved['decode_head.conv_seg.bias']) == 4


def test_init_hook_does_nothing_on_resume(trained):
    runner = Runner.from_cfg(trained)
    runner.train()
    trained.resume = True
    trained.train_cfg.max_iters = 8
    # Were the hook to act, it would fail on this checkpoint.
    trained.custom_hooks[1].checkpoint = 'no/such/folder'
    resumed = Runner.from_cfg(trained)
    resumed.train()
    assert resumed.iter == 8


def test_teacher_with_its_own_config(trained):
    model = copy.deepcopy(trained.model)
    model.type = 'EncoderDecoder'
    model.pop('distillation')
    model.decode_head.num_classes = 3
    trained.custom_hooks[2].model = model
    runner = Runner.from_cfg(trained)
    runner.train()
    assert runner.model.teacher.num_classes == 3
    trained.custom_hooks[2].model.backbone.base_channels = 8
    with pytest.raises(ValueError, match='do not fit the model'):
        Runner.from_cfg(trained).train()


def test_segmentor_without_teacher_is_refused(trained):
    hook = FrozenTeacherHook(trained.custom_hooks[1].checkpoint)
    trained.model.type = 'EncoderDecoder'
    trained.model.pop('distillation')
    trained.custom_hooks = []
    runner = Runner.from_cfg(trained)
    with pytest.raises(TypeError, match='EncoderDecoder takes no teacher'):
        hook.before_train(runner)
