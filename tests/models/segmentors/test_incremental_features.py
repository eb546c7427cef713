import copy

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn

ILT = [
    dict(type='KnowledgeDistillationLoss', loss_weight=100.0),
    dict(type='FeatureDistillationLoss', loss_weight=100.0),
]


def samples():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 4, (2, 1, 24, 24), generator=generator)
    data = [SegDataSample(gt_sem_seg=PixelData(data=x)) for x in labels]
    return torch.randn(2, 3, 24, 24, generator=generator), data


def build_pair(cfg, distillation, dropout=0.0):
    """A student of four classes and a teacher of three."""
    torch.manual_seed(0)
    cfg = copy.deepcopy(cfg)
    cfg.decode_head.dropout_ratio = dropout
    teacher_cfg = copy.deepcopy(cfg)
    teacher_cfg.type = 'EncoderDecoder'
    teacher_cfg.pop('distillation')
    cfg.distillation = distillation
    cfg.decode_head.num_classes = 4
    cfg.decode_head.loss_decode.num_old_classes = 3
    student, teacher = MODELS.build(cfg), MODELS.build(teacher_cfg)
    student.set_teacher(teacher)
    return student, teacher


def test_backbone_features_are_compared(incremental):
    student, teacher = build_pair(incremental.model, ILT)
    inputs, data = samples()
    losses = student.loss(inputs, data)
    assert {k for k in losses if k.startswith('distill')} == {
        'distill.loss_kd',
        'distill.loss_feature_kd',
    }
    difference = student.backbone(inputs)[-1] - teacher.backbone(inputs)[-1]
    want = 100 * difference.square().mean()
    torch.testing.assert_close(losses['distill.loss_feature_kd'], want)


@pytest.mark.parametrize('dropout', [0.0, 0.5])
def test_decoder_features_are_the_classifiers_input(incremental, dropout):
    loss = dict(ILT[1], level='decoder')
    student, teacher = build_pair(incremental.model, [ILT[0], loss], dropout)
    student.train()
    inputs, data = samples()
    keys = set(student.state_dict())
    losses = student.loss(inputs, data)
    assert (student.decode_head.dropout is None) == (dropout == 0)

    def decoded(model):  # FCNHead without concatenation after its only convolution
        head = model.decode_head
        x = head._transform_inputs(model.backbone(inputs))
        return head.conv_cat(torch.cat([x, head.convs(x)], 1))

    difference = decoded(student) - decoded(teacher)
    want = 100 * difference.square().mean()
    torch.testing.assert_close(losses['distill.loss_feature_kd'], want)
    assert set(student.state_dict()) == keys
    for model in (student, teacher):  # nothing stays behind
        assert not any(m._forward_pre_hooks for m in model.modules())
    losses['distill.loss_feature_kd'].backward()
    assert student.decode_head.conv_cat.conv.weight.grad.abs().sum() > 0
    assert student.decode_head.conv_seg.weight.grad is None


def test_still_one_forward_each(incremental):
    losses = [*ILT, dict(ILT[1], level='decoder', loss_name='loss_decoder_kd')]
    student, teacher = build_pair(incremental.model, losses)
    calls = []
    for name, part in (('student', student), ('teacher', teacher)):
        for module in (part.backbone, part.decode_head):
            module.register_forward_hook(lambda *_, name=name: calls.append(name))
    names = set(student.loss(*samples()))
    assert {'distill.loss_feature_kd', 'distill.loss_decoder_kd'} < names
    assert sorted(calls) == ['student'] * 2 + ['teacher'] * 2


def test_empty_list_is_the_stock_segmentor(incremental):
    student, _ = build_pair(incremental.model, [])
    cfg = copy.deepcopy(incremental.model)
    cfg.type = 'EncoderDecoder'
    cfg.pop('distillation')
    cfg.decode_head.num_classes = 4
    cfg.decode_head.loss_decode.num_old_classes = 3
    stock = MODELS.build(cfg)
    stock.load_state_dict(student.state_dict())
    got, want = (m.loss(*samples()) for m in (student, stock))
    assert set(got) == set(want)
    for key, value in want.items():
        assert torch.equal(got[key], value)


def test_head_without_that_classifier_is_named(incremental):
    student, _ = build_pair(incremental.model, [dict(ILT[1], level='decoder')])
    student.decode_head.__dict__['cls_seg'] = nn.Conv2d(8, 4, 1)
    with pytest.raises(ValueError, match="FCNHead .*use level='backbone'"):
        student.loss(*samples())
    assert not student.decode_head.conv_seg._forward_pre_hooks


def test_unknown_outputs_are_refused(incremental, monkeypatch):
    from mmseg_labelfree.models.losses import KnowledgeDistillationLoss

    monkeypatch.setattr(KnowledgeDistillationLoss, 'compares', 'probabilities')
    with pytest.raises(ValueError, match="KnowledgeDistillationLoss compares 'prob"):
        build_pair(incremental.model, ILT)
