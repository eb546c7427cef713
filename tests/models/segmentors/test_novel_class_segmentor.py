import copy
import math

import pytest
import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_labelfree.models.segmentors import NovelClassEncoderDecoder, mixed_batch
from mmseg_labelfree.models.teachers.ema import copy_student

SOURCES = ['unclean', 'base', 'clean', 'base', 'unclean', 'base']


@pytest.fixture
def build(novel):
    def build(**settings):
        cfg = copy.deepcopy(novel.model.to_dict())
        cfg.update(settings)
        cfg['decode_head']['num_classes'] = 6
        cfg['decode_head']['loss_decode'] = dict(
            type='CrossEntropyLoss', avg_non_ignore=True
        )
        torch.manual_seed(0)
        model = MODELS.build(cfg)
        model.init_weights()
        model.set_teacher(copy_student(model))
        return model.train()

    return build


def batch(sources=SOURCES):
    torch.manual_seed(1)
    images = torch.randn(len(sources), 3, 16, 16)
    samples = []
    for source in sources:
        labels = torch.randint(0, 6, (1, 16, 16))
        labels[torch.rand(1, 16, 16) < 0.3] = 255
        if source == 'unclean':
            labels[:] = 255
        sample = SegDataSample(gt_sem_seg=PixelData(data=labels))
        meta = dict(img_shape=(16, 16))
        sample.set_metainfo(meta | (dict(source=source) if source else {}))
        samples.append(sample)
    return images, samples


def at(iteration, length=0, epoch=0):
    hub = MessageHub.get_current_instance()
    hub.update_info('iter', iteration)
    hub.update_info('batches_per_epoch', length)
    hub.update_info('epoch', epoch)


@pytest.mark.parametrize(('variant', 'share'), [('official', 0.5), ('paper', 1.0)])
def test_equation_10(build, variant, share, monkeypatch):
    model = build(variant=variant, unlabeled_weight=0.7, ramp_up=4)
    monkeypatch.setattr(model, 'strong_view', lambda images, _: images)
    images, samples = batch()
    at(1)
    losses = model.loss(images, samples)
    with torch.no_grad():
        logits = F.interpolate(model(images, mode='tensor'), (16, 16), mode='bilinear')
        own = logits.argmax(1)  # the teacher is still a copy of the student
    for source in ('base', 'clean'):
        rows = [i for i, s in enumerate(SOURCES) if s == source]
        labels = torch.cat([samples[i].gt_sem_seg.data for i in rows])
        expected = share * F.cross_entropy(logits[rows], labels, ignore_index=255)
        torch.testing.assert_close(losses[f'decode_{source}.loss_ce'], expected)
    rows = [i for i, s in enumerate(SOURCES) if s == 'unclean']
    ramp = math.exp(-5 * (1 - 1 / 4) ** 2)
    expected = 0.7 * ramp * F.cross_entropy(logits[rows], own[rows])
    torch.testing.assert_close(losses['unlabeled.loss_ce'], expected)
    assert losses['unlabeled.used'] == 1
    assert sum('loss' in name for name in losses) == 3


def test_weight_of_the_teacher(build):
    model = build(ramp_up=5, ramp_by_epoch=True)
    # HeliosZhao/NCDSS 0116e9f, utils/ramps.py, epochs 0 to 6 of a length of 5.
    expected = [
        0.006737947,
        0.040762204,
        0.1652988882,
        0.4493289641,
        0.8187307531,
        1,
        1,
    ]
    for epoch, value in enumerate(expected):
        for iteration in (7 * epoch, 7 * epoch + 6):  # whole epochs
            at(iteration, length=7)
            assert model.ramp() == pytest.approx(value)
        at(0, epoch=epoch)  # a loader without the package's sampler
        assert model.ramp() == pytest.approx(value)
    at(3)
    assert build(ramp_up=6).ramp() == pytest.approx(math.exp(-1.25))
    assert build(ramp_up=0).ramp() == 1


def test_threshold_and_strong_view(build):
    model = build(threshold=0.999)
    at(10)
    losses = model.loss(*batch())
    assert losses['unlabeled.used'] == 0 and losses['unlabeled.loss_ce'] == 0
    changes = model.strong_view.changes
    assert [p for _, p in changes] == [1.0, 0.0, 0.0]  # jitter, no grayscale, no blur
    jitter = changes[0][0]
    assert jitter.hue == (-0.25, 0.25) and jitter.saturation == (0.5, 1.5)


def test_the_authors_three_passes(build, novel, monkeypatch):
    """Base, clean and unclean images one after the other, each with its statistics."""
    norm = dict(type='BN')
    parts = dict(
        backbone=dict(novel.model.backbone.to_dict(), norm_cfg=norm),
        decode_head=dict(novel.model.decode_head.to_dict(), norm_cfg=norm),
        ramp_up=0,
    )
    model = build(student_passes='per_source', teacher_mode='train_norm', **parts)
    monkeypatch.setattr(model, 'strong_view', lambda images, _: images)
    student, teacher = build(**parts), build(**parts).teacher.train()
    images, samples = batch()
    losses = model.loss(images, samples)

    def loss(source, labels=None):
        rows = [i for i, s in enumerate(SOURCES) if s == source]
        if labels is None:
            labels = torch.cat([samples[i].gt_sem_seg.data for i in rows])
        logits = student(images[rows], mode='tensor')
        logits = F.interpolate(logits, (16, 16), mode='bilinear')
        return F.cross_entropy(logits, labels, ignore_index=255)

    unclean = images[[i for i, s in enumerate(SOURCES) if s == 'unclean']]
    with torch.no_grad():
        logits = teacher(unclean, mode='tensor')
        labels = F.interpolate(logits, (16, 16), mode='bilinear').argmax(1)
    for name, expected in (
        ('decode_base', 0.5 * loss('base')),
        ('decode_clean', 0.5 * loss('clean')),
        ('unlabeled', loss('unclean', labels)),
    ):
        torch.testing.assert_close(
            losses[f'{name}.loss_ce'], expected, rtol=1e-4, atol=1e-5
        )
    for name, value in student.named_buffers():
        torch.testing.assert_close(dict(model.named_buffers())[name], value)


@pytest.mark.parametrize('sources', [['base', 'clean'], ['base'] * 2, [None] * 2])
def test_basic_framework_and_base_training_need_no_teacher(build, sources, monkeypatch):
    told = []
    monkeypatch.setattr(mixed_batch, 'print_log', lambda *a, **k: told.append(a))
    model = build(unlabeled_sources=())
    model.__dict__.pop('_teacher')
    losses = model.loss(*batch(sources))
    names = {n for n in losses if 'loss' in n}
    assert names == {f'decode_{s or "base"}.loss_ce' for s in sources}
    if sources != ['base', 'clean']:  # the mean over the sources that are there
        images, samples = batch(sources)
        logits = F.interpolate(model(images, mode='tensor'), (16, 16), mode='bilinear')
        labels = torch.cat([s.gt_sem_seg.data for s in samples])
        expected = F.cross_entropy(logits, labels, ignore_index=255)
        torch.testing.assert_close(losses['decode_base.loss_ce'], expected)
    assert not told
    build().loss(*batch(['base', 'clean']))
    assert len(told) == 1 and 'unlabeled' in told[0][0]


def test_every_parameter_has_a_gradient_without_labels(build):
    model = build()
    at(10)
    losses = model.loss(*batch(['unclean'] * 2))
    total, _ = model.parse_losses(losses)
    total.backward()
    assert all(p.grad is not None for p in model.parameters())


def test_auxiliary_heads_have_the_same_shares(build, novel):
    head = dict(
        novel.model.decode_head.to_dict(), in_channels=16, in_index=2, num_classes=6
    )
    losses = build(auxiliary_head=head).loss(*batch())
    names = {n for n in losses if n.startswith('aux') and 'loss' in n}
    assert names == {'aux_base.loss_ce', 'aux_clean.loss_ce'}


def test_unknown_variant(build):
    with pytest.raises(ValueError, match="variant='both' is unknown"):
        build(variant='both')
    assert isinstance(build(), NovelClassEncoderDecoder)
