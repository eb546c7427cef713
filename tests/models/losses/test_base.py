"""What all losses have in common: name, factor, denominators, leftovers of configs."""

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmseg.registry import MODELS

from mmseg_labelfree.models.losses import DecodeLoss, DistillationLoss

DECODE = dict(
    loss_unbiased_ce=dict(type='UnbiasedCrossEntropyLoss', num_old_classes=3),
    loss_incremental_bce=dict(type='IncrementalBCELoss', num_old_classes=3),
    loss_sce=dict(type='SymmetricCrossEntropyLoss'),
    loss_partial_ce=dict(type='PartialCrossEntropyLoss'),
    loss_unlabeled_set_ce=dict(
        type='UnlabeledSetCrossEntropyLoss', unlabeled_classes='crop'
    ),
)
DISTILLATION = dict(
    loss_kd=dict(type='KnowledgeDistillationLoss'),
    loss_unbiased_kd=dict(type='UnbiasedKnowledgeDistillationLoss'),
    loss_binary_kd=dict(type='BinaryDistillationLoss'),
)
OTHER = dict(
    loss_feature_kd=dict(type='FeatureDistillationLoss'),
    loss_contrast=dict(type='MemoryBankContrastiveLoss'),
    loss_weibull=dict(type='WeibullBalanceLoss'),
    loss_entropy=dict(type='EntropyBalanceLoss'),
)
ALL = DECODE | DISTILLATION | OTHER
# Those whose mean is over the pixels of the whole batch.
PIXELS = {name: cfg for name, cfg in list(DECODE.items())[:3]}


@pytest.fixture
def batch():
    """Logits of six classes and labels: background, new classes, ignored pixels."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 6, 5, 7, generator=generator)
    label = torch.randint(3, 6, (2, 5, 7), generator=generator)
    label[:, :2] = 0
    label[0, 2] = 255
    return logits.requires_grad_(), label


@pytest.fixture
def teacher():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 4, 5, 7, generator=generator)


@pytest.mark.parametrize('name', ALL)
def test_name_and_factor(name):
    loss = MODELS.build(ALL[name])
    assert (loss.loss_name, loss.loss_weight) == (name, 1.0)
    loss = MODELS.build(dict(ALL[name], loss_name='loss_other', loss_weight=2.5))
    assert (loss.loss_name, loss.loss_weight) == ('loss_other', 2.5)
    with pytest.raises(ValueError, match="'loss_', got 'other'"):
        MODELS.build(dict(ALL[name], loss_name='other'))
    with pytest.raises(ValueError, match='loss_weight=-1 must be a number of at'):
        MODELS.build(dict(ALL[name], loss_weight=-1))


@pytest.mark.parametrize('name', [*DECODE, 'loss_weibull'])
def test_repr_shows_all_settings(name):
    shown = repr(MODELS.build(dict(ALL[name], loss_weight=0.5)))
    for key, value in ALL[name].items():
        assert (f'{key}={value!r}' in shown) is (key != 'type')
    assert 'loss_weight=0.5' in shown and 'training' not in shown


@pytest.mark.parametrize('name', DECODE)
def test_leftovers_of_a_base_config(name):
    base = Config(dict(loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False)))
    base.merge_from_dict(dict(loss_decode=dict(DECODE[name], class_weight=None)))
    loss = MODELS.build(base.loss_decode)
    assert isinstance(loss, DecodeLoss)
    kind = DECODE[name]['type']
    with pytest.raises(ValueError, match=f'{kind} has no .*use_sigmoid=False'):
        MODELS.build(dict(base.loss_decode, use_sigmoid=True))
    with pytest.raises(ValueError, match=f'{kind} has no .*class_weight=None'):
        MODELS.build(dict(base.loss_decode, class_weight=[1.0, 2.0]))


@pytest.mark.parametrize('name', PIXELS)
def test_denominators_and_reductions(batch, name):
    logits, label = batch
    weight = torch.rand(label.shape, generator=torch.Generator().manual_seed(1))
    loss = MODELS.build(PIXELS[name])
    pixels = loss(logits, label, reduction_override='none')
    assert pixels.shape == label.shape
    for kwargs, want in (
        (dict(), pixels.sum() / 70),
        (dict(weight=weight), (weight * pixels).sum() / 70),
        (dict(avg_factor=10.0), pixels.sum() / 10),
        (dict(weight=weight, reduction_override='sum'), (weight * pixels).sum()),
        (dict(reduction_override='mean'), pixels.sum() / 70),
    ):
        torch.testing.assert_close(loss(logits, label, **kwargs), want)
    loss = MODELS.build(dict(PIXELS[name], avg_non_ignore=True, loss_weight=2.5))
    torch.testing.assert_close(loss(logits, label), 2.5 * pixels.sum() / 63)
    got = loss(logits, label, reduction_override='none')
    torch.testing.assert_close(got, 2.5 * pixels)


@pytest.mark.parametrize('name', PIXELS)
@pytest.mark.parametrize('average', [True, False])
@pytest.mark.parametrize('avg_factor', [None, 0])
def test_all_ignored_is_zero_with_zero_gradient(batch, name, average, avg_factor):
    logits, label = batch
    loss = MODELS.build(dict(PIXELS[name], avg_non_ignore=average))(
        logits, torch.full_like(label, 255), avg_factor=avg_factor
    )
    (grad,) = torch.autograd.grad(loss, logits)
    assert loss == 0
    assert torch.equal(grad, torch.zeros_like(grad))


@pytest.mark.parametrize('name', DECODE)
def test_autocast_matches_float32(batch, name):
    logits, label = batch
    loss = MODELS.build(DECODE[name])
    with torch.autocast('cpu', torch.bfloat16):
        narrow = F.conv2d(logits, torch.eye(6).view(6, 6, 1, 1))
        got = loss(narrow, label)
    assert narrow.dtype == torch.bfloat16 and got.dtype == torch.float32
    torch.testing.assert_close(got, loss(narrow.float(), label))
    (grad,) = torch.autograd.grad(got, narrow)
    assert grad.dtype == torch.bfloat16


@pytest.mark.parametrize('name', DECODE)
def test_bad_calls_of_a_decode_loss(batch, name):
    logits, label = batch
    loss = MODELS.build(DECODE[name])
    with pytest.raises(ValueError, match='label must have shape'):
        loss(logits, label[:1])
    with pytest.raises(ValueError, match='weight must have shape'):
        loss(logits, label, weight=torch.ones(2, 1, 5, 7))
    with pytest.raises(ValueError, match="reduction_override .*got 'max'"):
        loss(logits, label, reduction_override='max')


@pytest.mark.parametrize('name', ['loss_unbiased_ce', 'loss_incremental_bce'])
@pytest.mark.parametrize('number', [0, 2.0, True])
def test_numbers_of_old_classes(name, number):
    with pytest.raises(ValueError, match=f'num_old_classes .*got {number}'):
        MODELS.build(dict(DECODE[name], num_old_classes=number))


@pytest.mark.parametrize('name', DISTILLATION)
def test_mask_multiplies_pixels_and_leaves_the_denominator(batch, teacher, name):
    student, _ = batch
    loss = MODELS.build(dict(DISTILLATION[name], loss_weight=10.0))
    assert isinstance(loss, DistillationLoss) and loss.compares == 'logits'
    pixels = loss.pixel_loss(student, teacher)
    torch.testing.assert_close(loss(student, teacher), 10 * pixels.sum() / 70)
    mask = torch.zeros(2, 5, 7, dtype=torch.bool)
    mask[0, 1] = True
    part = loss(student, teacher, mask=mask)
    torch.testing.assert_close(part, 10 * pixels[0, 1].sum() / 70)
    torch.testing.assert_close(loss(student, teacher, mask=mask.float()), part)
    (grad,) = torch.autograd.grad(part, student)
    assert torch.equal((grad != 0).any(1), mask)
    none = loss(student, teacher, mask=torch.zeros_like(mask))
    (grad,) = torch.autograd.grad(none, student)
    assert none == 0 and not grad.any()


@pytest.mark.parametrize('name', DISTILLATION)
def test_bad_calls_of_a_distillation(batch, teacher, name):
    student, _ = batch
    loss = MODELS.build(DISTILLATION[name])
    with pytest.raises(ValueError, match='teacher_logits have 6 .*student_logits 4'):
        loss(teacher, student)
    with pytest.raises(ValueError, match='mask must have shape'):
        loss(student, teacher, mask=torch.ones(2, 1, 5, 7))
