import copy

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample


def samples(n=2, size=24, num_classes=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    result = []
    for _ in range(n):
        label = torch.randint(0, num_classes, (1, size, size), generator=generator)
        result.append(SegDataSample(gt_sem_seg=PixelData(data=label)))
    return torch.randn(n, 3, size, size, generator=generator), result


@pytest.fixture
def pair(incremental):
    """A student of four classes and a teacher of three."""
    cfg = incremental.model
    torch.manual_seed(0)
    teacher_cfg = copy.deepcopy(cfg)
    teacher_cfg.type = 'EncoderDecoder'
    teacher_cfg.pop('distillation')
    cfg.decode_head.num_classes = 4
    cfg.decode_head.loss_decode.num_old_classes = 3
    student, teacher = MODELS.build(cfg), MODELS.build(teacher_cfg)
    student.set_teacher(teacher)
    return student, teacher


def test_losses_are_those_of_their_parts(pair):
    student, teacher = pair
    inputs, data = samples()
    losses = student.loss(inputs, data)
    assert set(losses) == {
        'decode.loss_unbiased_ce',
        'decode.acc_seg',
        'distill.loss_unbiased_kd',
    }
    label = torch.stack([s.gt_sem_seg.data for s in data])[:, 0]
    logits = resize(student(inputs, mode='tensor'), (24, 24), mode='bilinear')
    teacher_logits = resize(teacher(inputs, mode='tensor'), (24, 24), mode='bilinear')
    q, t = logits.double().softmax(1), teacher_logits.double().softmax(1)
    background = -q[:, :3].sum(1).log()
    own = -q.log().gather(1, label[:, None])[:, 0]
    ce = torch.where(label == 0, background, own).mean()
    kd = t[:, 0] * (q[:, 0] + q[:, 3]).log() + (t[:, 1:] * q[:, 1:3].log()).sum(1)
    expected = -10 * kd.mean() / 3
    torch.testing.assert_close(losses['decode.loss_unbiased_ce'].double(), ce)
    torch.testing.assert_close(losses['distill.loss_unbiased_kd'].double(), expected)


def test_one_student_forward_and_one_teacher_forward(pair):
    student, teacher = pair
    calls = []
    for name, part in (('student', student), ('teacher', teacher)):
        for module in (part.backbone, part.decode_head):
            module.register_forward_hook(lambda *_, name=name: calls.append(name))
    student.loss(*samples())
    assert sorted(calls) == ['student'] * 2 + ['teacher'] * 2


def test_same_loss_twice_is_summed(incremental, pair):
    student, teacher = pair
    cfg = copy.deepcopy(incremental.model)
    cfg.distillation = cfg.distillation * 2
    double = MODELS.build(cfg)
    double.load_state_dict(student.state_dict())
    double.set_teacher(teacher)
    key = 'distill.loss_unbiased_kd'
    once, twice = (m.loss(*samples())[key] for m in (student, double))
    torch.testing.assert_close(twice, 2 * once)


def test_auxiliary_head_is_trained(incremental):
    cfg = incremental.model
    cfg.distillation = []
    cfg.auxiliary_head = dict(cfg.decode_head, in_channels=16, in_index=2)
    losses = MODELS.build(cfg).loss(*samples(num_classes=3))
    assert 'aux.loss_unbiased_ce' in losses


def test_without_teacher(incremental):
    model = MODELS.build(incremental.model)
    with pytest.raises(AttributeError, match='FrozenTeacherHook'):
        model.loss(*samples(num_classes=3))


def test_train_mode_never_reaches_the_teacher(pair):
    student, teacher = pair
    student.train()
    assert student.training and not teacher.training
    assert not any('teacher' in k for k in student.state_dict())


@pytest.mark.parametrize('freeze_norm', [None, 'statistics', 'affine'])
def test_frozen_batch_norm(incremental, freeze_norm):
    cfg = incremental.model
    cfg.distillation, cfg.freeze_norm = [], freeze_norm
    cfg.backbone.norm_cfg = cfg.decode_head.norm_cfg = dict(type='BN')
    model = MODELS.build(cfg).train()
    assert model.training and model.backbone.training
    before = {k: v.clone() for k, v in model.named_buffers() if 'running_mean' in k}
    loss = model.loss(*samples(num_classes=3))['decode.loss_unbiased_ce']
    loss.backward()
    after = dict(model.named_buffers())
    changed = {k for k, v in before.items() if not torch.equal(v, after[k])}
    assert changed == (set() if freeze_norm == 'statistics' else set(before))
    norm = model.decode_head.convs[0].bn
    if freeze_norm == 'affine':
        assert norm.weight.grad is None and norm.bias.grad is None
    else:
        assert norm.weight.grad.abs().sum() > 0
    assert model.decode_head.convs[0].conv.weight.grad.abs().sum() > 0


def test_unknown_freeze_norm(incremental):
    incremental.model.freeze_norm = 'all'
    with pytest.raises(ValueError, match="'all' is unknown; use one of None, 'stat"):
        MODELS.build(incremental.model)
