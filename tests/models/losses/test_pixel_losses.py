"""Losses on small logits give what they give on logits enlarged as a whole."""

import mmseg
import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmengine.utils import digit_version
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_labelfree.models.losses.pixel_losses import (
    head_losses,
    pixel_loss,
    pixel_losses,
    pixel_term,
    sum_terms,
)

SIZE = (24, 20)
DECODE = [
    dict(type='UnbiasedCrossEntropyLoss', num_old_classes=3),
    dict(type='UnbiasedCrossEntropyLoss', num_old_classes=3, avg_non_ignore=True),
    dict(type='IncrementalBCELoss', num_old_classes=3, loss_weight=0.5),
    dict(type='IncrementalBCELoss', num_old_classes=3, variant='official'),
    dict(type='SymmetricCrossEntropyLoss', xi2=0.1),
    dict(type='PartialCrossEntropyLoss'),
    dict(type='UnlabeledSetCrossEntropyLoss', unlabeled_classes='crop', gamma=0.3),
    dict(
        type='UnlabeledSetCrossEntropyLoss', unlabeled_classes='crop', background=False
    ),
    dict(type='CrossEntropyLoss'),
    dict(type='CrossEntropyLoss', loss_weight=0.4, avg_non_ignore=True),
    dict(type='CrossEntropyLoss', class_weight=[0.5, 1, 2, 1, 0.1, 3]),
]
DISTILLATION = [
    dict(type='KnowledgeDistillationLoss', loss_weight=10.0),
    dict(type='UnbiasedKnowledgeDistillationLoss', class_average=False),
    dict(type='BinaryDistillationLoss'),
]


@pytest.fixture
def batch():
    """Small logits of six classes and large labels; 255 ignored, 254 unlabeled."""
    g = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 6, 6, 5, generator=g, dtype=torch.float64)
    labels = torch.randint(0, 6, (2, *SIZE), generator=g)
    labels[:, :4] = 255
    return 3 * logits, labels


def enlarged(logits, align_corners):
    return F.interpolate(logits, SIZE, mode='bilinear', align_corners=align_corners)


def with_gradient(function, logits):
    x = logits.detach().requires_grad_()
    value = function(x)
    (gradient,) = torch.autograd.grad(value, x)
    return value.detach(), gradient


@pytest.mark.parametrize('align_corners', [False, True])
@pytest.mark.parametrize('cfg', DECODE, ids=lambda c: c['type'])
def test_decode_losses(batch, cfg, align_corners):
    logits, labels = batch
    if 'Unlabeled' in cfg['type'] or 'Partial' in cfg['type']:
        labels[:, 4:12] = 254
    if 'class_weight' in cfg and digit_version(mmseg.__version__) < (1, 3):
        labels[labels == 255] = 0  # its class weights know no ignored pixels
    loss = MODELS.build(cfg)
    weight = torch.rand(labels.shape, dtype=torch.float64)
    for factor in (None, weight):

        def small(x, factor=factor):
            return pixel_loss(loss, x, labels, factor, 255, align_corners)

        def large(x, factor=factor):
            full = enlarged(x, align_corners)
            if hasattr(loss, 'pixel_weight'):
                maps = loss.maps(labels, 6)
                pixels = loss.pixel_loss(full, labels, *maps, ignore_index=255)
                mean = loss.pixel_weight(labels, 255, torch.float64)
                pixels = pixels * mean * (1 if factor is None else factor)
                return loss.loss_weight * pixels.sum()
            return loss(full, labels, weight=factor, ignore_index=255)

        found, expected = with_gradient(small, logits), with_gradient(large, logits)
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize('cfg', DISTILLATION, ids=lambda c: c['type'])
def test_distillation_losses(batch, cfg):
    logits, labels = batch
    teacher = torch.randn(2, 4, 3, 4, dtype=torch.float64)
    loss = MODELS.build(cfg)

    def small(x):
        term = loss.pixel_term(teacher, labels.numel())
        return sum_terms([('loss', term)], x, SIZE)['loss']

    def large(x):
        pixels = loss.pixel_loss(enlarged(x, False), enlarged(teacher, False))
        return loss.loss_weight * pixels.mean()

    torch.testing.assert_close(
        with_gradient(small, logits), with_gradient(large, logits)
    )


def test_losses_of_one_pass_share_a_gradient(batch):
    """Values of each; the gradient of their sum, also when names repeat."""
    logits, labels = batch
    criteria = [MODELS.build(cfg) for cfg in (DECODE[0], DECODE[4], DECODE[4])]
    teacher = torch.randn(2, 4, 3, 4, dtype=torch.float64)
    kd = MODELS.build(DISTILLATION[1])
    x = logits.detach().requires_grad_()
    losses = pixel_losses(
        criteria, x, labels, terms=[('distill.loss_kd', kd.pixel_term(teacher, 960))]
    )
    assert list(losses) == [
        'loss_unbiased_ce',
        'loss_sce',
        'distill.loss_kd',
        'acc_seg',
    ]
    y = logits.detach().requires_grad_()
    full, old = enlarged(y, False), enlarged(teacher, False)
    expected = dict(
        loss_unbiased_ce=criteria[0](full, labels),
        loss_sce=2 * criteria[1](full, labels),
    )
    expected['distill.loss_kd'] = kd(full, old)
    for name, value in expected.items():
        torch.testing.assert_close(losses[name].detach(), value.detach())
    names = list(expected)
    (found,) = torch.autograd.grad(sum(losses[name] for name in names), x)
    (wanted,) = torch.autograd.grad(sum(expected.values()), y)
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize('names', [('loss_ce', 'focus'), ('focus', 'loss_ce')])
def test_what_has_no_loss_in_its_name_is_only_logged(batch, names):
    """As in a stock segmentor, whatever comes first."""
    logits, labels = batch
    weights = dict(loss_ce=None, focus=[0.5, 1, 2, 1, 0.1, 3])
    cfg = dict(type='CrossEntropyLoss')
    criteria = [
        MODELS.build(dict(cfg, loss_name=name, class_weight=weights[name]))
        for name in names
    ]
    x = logits.detach().requires_grad_()
    losses = pixel_losses(criteria, x, labels)
    assert not losses['focus'].requires_grad
    (found,) = torch.autograd.grad(losses['loss_ce'], x)
    alone = MODELS.build(cfg)
    value, expected = with_gradient(lambda x: pixel_loss(alone, x, labels), logits)
    torch.testing.assert_close(losses['loss_ce'].detach(), value)
    torch.testing.assert_close(found, expected)
    focus = criteria[names.index('focus')]
    logged = pixel_losses([focus], x, labels)['focus']
    torch.testing.assert_close(logged, losses['focus'])
    assert not logged.requires_grad


def test_a_loss_that_is_no_sum_over_pixels_gets_enlarged_logits(batch):
    logits, labels = batch
    dice = MODELS.build(dict(type='DiceLoss'))
    assert pixel_term(dice, logits, labels) is None
    binary = MODELS.build(dict(type='CrossEntropyLoss', use_sigmoid=True))
    assert pixel_term(binary, logits, labels) is None
    criteria = [dice, MODELS.build(dict(type='CrossEntropyLoss'))]
    x, labels = logits.float(), labels.masked_fill(labels == 255, 0)
    losses = pixel_losses(criteria, x, labels)
    expected = dice(enlarged(x, False), labels, ignore_index=255)
    torch.testing.assert_close(losses['loss_dice'], expected)
    assert list(losses) == ['loss_ce', 'loss_dice', 'acc_seg']


@pytest.mark.parametrize('ignore_index', [255, 2])
@pytest.mark.parametrize('sampler', [None, 'OHEMPixelSampler', 'HardPixelSampler'])
def test_head_losses_are_those_of_the_head(ignore_index, sampler):
    torch.manual_seed(0)
    head = MODELS.build(
        dict(
            type='FCNHead',
            in_channels=4,
            channels=4,
            num_classes=5,
            num_convs=0,
            concat_input=False,
            ignore_index=ignore_index,
            sampler=sampler and dict(type=sampler, thresh=0.3, min_kept=200),
            loss_decode=[
                dict(type='CrossEntropyLoss', loss_weight=0.4),
                dict(type='SymmetricCrossEntropyLoss', loss_name='loss_second'),
            ],
        )
    )
    logits = torch.randn(2, 5, 7, 6)
    samples = []
    for _ in range(2):
        labels = torch.randint(0, 5, (1, *SIZE))
        labels[:, :5] = ignore_index
        samples.append(SegDataSample(gt_sem_seg=PixelData(data=labels)))
    results = []
    for losses_of in (head.loss_by_feat, lambda x, s: head_losses(head, x, s)):
        x = logits.clone().requires_grad_()
        losses = losses_of(x, samples)
        total = losses['loss_ce'] + losses['loss_second']
        results.append((losses, torch.autograd.grad(total, x)[0]))
    (stock, wanted), (striped, found) = results
    assert striped.keys() == stock.keys()
    for name, value in stock.items():
        torch.testing.assert_close(striped[name].squeeze(), value.squeeze().detach())
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


def test_all_pixels_ignored(batch):
    logits, labels = batch
    labels.fill_(255)
    loss = MODELS.build(dict(type='CrossEntropyLoss'))
    x = logits.float().requires_grad_()
    losses = pixel_losses([loss], x, labels)
    assert losses['loss_ce'] == 0 and losses['acc_seg'] == 100
    assert (torch.autograd.grad(losses['loss_ce'], x)[0] == 0).all()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_and_extreme_logits(batch, dtype):
    logits, labels = batch
    x = (4e3 * logits).to(dtype).requires_grad_()
    for cfg in DECODE:
        value = pixel_loss(MODELS.build(cfg), x, labels.clamp(max=5))
        assert value.dtype == torch.float32 and torch.isfinite(value)
        assert torch.isfinite(torch.autograd.grad(value, x)[0]).all()
