import copy
import logging

import pytest
import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub, MMLogger
from mmengine.structures import PixelData
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_labelfree.models.segmentors import real_pixels, split_batch
from mmseg_labelfree.models.teachers.ema import copy_student
from mmseg_labelfree.ops import mix

SIZE = (24, 24)


def samples(*sources, size=SIZE, seed=0):
    """Random images; samples of source 'unlabeled' have labels of 255."""
    generator = torch.Generator().manual_seed(seed)
    data = []
    for source in sources:
        label = torch.randint(0, 3, (1, *size), generator=generator)
        if source == 'unlabeled':
            label.fill_(255)
        sample = SegDataSample(gt_sem_seg=PixelData(data=label))
        if source is not None:
            sample.set_metainfo(dict(source=source))
        data.append(sample)
    return torch.randn(len(sources), 3, *size, generator=generator), data


@pytest.fixture
def build(boxes_config):
    def build(teacher_seed=7, **kwargs):
        cfg = copy.deepcopy(boxes_config.model)
        cfg.pop('distillation')
        cfg.decode_head.loss_decode = dict(type='CrossEntropyLoss')
        for name, value in kwargs.items():
            cfg[name] = value
        cfg.type = 'MeanTeacherEncoderDecoder'
        torch.manual_seed(0)
        model = MODELS.build(cfg)
        teacher = copy_student(model)
        generator = torch.Generator().manual_seed(teacher_seed)
        with torch.no_grad():
            for p in teacher.parameters():
                p += 0.1 * torch.randn(p.shape, generator=generator)
        model.set_teacher(teacher)
        return model

    return build


def logits_of(model, images):
    return resize(model(images, mode='tensor'), images.shape[2:], mode='bilinear')


def test_losses_by_their_definition(build):
    model = build(threshold=0.6, unlabeled_weight=0.7)
    inputs, data = samples('labeled', 'unlabeled', 'labeled', 'unlabeled')
    losses = model.loss(inputs, data)
    assert set(losses) == {
        'decode.loss_ce',
        'decode.acc_seg',
        'unlabeled.loss_ce',
        'unlabeled.used',
    }
    labels = torch.stack([data[i].gt_sem_seg.data[0] for i in (0, 2)])
    expected = F.cross_entropy(logits_of(model, inputs[[0, 2]]), labels)
    torch.testing.assert_close(losses['decode.loss_ce'], expected)
    weak = inputs[[1, 3]]
    probabilities = logits_of(model.teacher, weak).softmax(1)
    pseudo = probabilities.argmax(1)
    pseudo[probabilities.amax(1) < 0.6] = 255
    assert 0.05 < (pseudo == 255).float().mean() < 0.95
    pixels = F.cross_entropy(
        logits_of(model, weak), pseudo, ignore_index=255, reduction='none'
    )
    torch.testing.assert_close(losses['unlabeled.loss_ce'], 0.7 * pixels.mean())
    torch.testing.assert_close(losses['unlabeled.used'], (pseudo != 255).float().mean())


def test_one_forward_of_each_network(build):
    model = build()
    calls = []
    for name, part in (('student', model), ('teacher', model.teacher)):
        for module in (part.backbone, part.decode_head):
            module.register_forward_hook(
                lambda _, inputs, __, name=name: calls.append(
                    (name, len(inputs[0] if inputs[0][0].dim() == 3 else inputs[0][0]))
                )
            )
    model.loss(*samples('labeled', 'labeled', 'unlabeled'))
    assert sorted(calls) == [('student', 3)] * 2 + [('teacher', 1)] * 2


@pytest.mark.parametrize('mixing', ['cutmix', 'classmix', 'cutout'])
def test_mixing_reaches_images_and_labels_alike(build, mixing, monkeypatch):
    model = build(mixing=mixing)
    inputs, data = samples(*['unlabeled'] * 3)
    with torch.no_grad():
        # Paint each image so that its pixels tell image and place.
        inputs[:, 0] = torch.arange(3.0).view(3, 1, 1)
        inputs[:, 1] = torch.arange(SIZE[0] * SIZE[1]).view(SIZE) / 500
    batch = split_batch(inputs, data, ['labeled'], ['unlabeled'])
    model.label_unlabeled(batch)
    weak_labels = batch.labels.clone()
    torch.manual_seed(1)
    model.make_strong_view(batch)
    if mixing == 'cutout':
        cut = (batch.strong == 0).all(1)
        assert 0.3 < cut.float().mean() < 0.7
        assert torch.equal(batch.labels == 255, cut)
        assert torch.equal(batch.labels[~cut], weak_labels[~cut])
        return
    source = batch.strong[:, 0].long()
    for i in range(3):
        assert set(source[i].unique().tolist()) <= {i, (i + 1) % 3}
    assert torch.equal(batch.labels, weak_labels.gather(0, source))
    assert torch.equal(batch.strong[:, 1], inputs[:, 1])
    taken = source != torch.arange(3).view(3, 1, 1)
    assert 0 < taken.float().mean() <= 1


def test_mixing_probability(build):
    model = build(mixing='cutmix', mixing_prob=0.0)
    inputs, data = samples('unlabeled', 'unlabeled')
    batch = split_batch(inputs, data, [], ['unlabeled'])
    model.label_unlabeled(batch)
    model.make_strong_view(batch)
    assert torch.equal(batch.strong, inputs)


def test_weights_are_mixed_and_used(build):
    class Weighted(type(build())):
        def label_unlabeled(self, batch):
            super().label_unlabeled(batch)
            batch.weights = torch.rand(batch.labels.shape)

        def unlabeled_loss(self, logits, batch):
            self.seen = batch
            return super().unlabeled_loss(logits, batch)

    model = build(mixing='cutmix')
    model.__class__ = Weighted
    inputs, data = samples('unlabeled', 'unlabeled')
    torch.manual_seed(3)
    losses = model.loss(inputs, data)
    batch = model.seen
    torch.manual_seed(3)
    weights = torch.rand(batch.labels.shape)
    (expected,) = mix((batch.strong != inputs).all(1), weights)
    assert torch.equal(batch.weights, expected)
    pixels = F.cross_entropy(
        logits_of(model, batch.strong), batch.labels, reduction='none'
    )
    torch.testing.assert_close(
        losses['unlabeled.loss_ce'], (pixels * batch.weights).mean()
    )


def test_strong_view_changes_what_the_student_sees_only(build):
    model = build(strong_view=dict(grayscale_prob=1.0))
    inputs, data = samples('labeled', 'unlabeled')
    seen = {}
    model.backbone.register_forward_pre_hook(
        lambda _, args: seen.setdefault('student', args[0])
    )
    model.teacher.backbone.register_forward_pre_hook(
        lambda _, args: seen.setdefault('teacher', args[0])
    )
    model.loss(inputs, data)
    assert torch.equal(seen['teacher'], inputs[1:])
    assert torch.equal(seen['student'][:1], inputs[:1])
    assert not torch.allclose(seen['student'][1], inputs[1], atol=0.1)


def test_padding_has_no_pseudo_label(build):
    model = build()
    inputs, data = samples('unlabeled', 'unlabeled')
    data[0].set_metainfo(dict(img_shape=(20, 24)))
    padding = torch.zeros(1, 20, 24, dtype=torch.bool)
    padding[0, :3] = True
    data[0].set_data(dict(padding=PixelData(data=padding)))
    real = real_pixels(inputs, data)
    assert not real[0, :3].any() and not real[0, 20:].any() and real[0, 3:20].all()
    assert real[1].all()
    batch = split_batch(inputs, data, [], ['unlabeled'])
    model.label_unlabeled(batch)
    assert torch.equal(batch.labels != 255, real)


def test_sources_are_settings(build):
    names = dict(labeled_sources=['gta'], unlabeled_sources=['city', 'night'])
    model = build(**names)
    inputs, data = samples('city', 'gta', 'night')
    losses = model.loss(inputs, data)
    label = data[1].gt_sem_seg.data
    expected = F.cross_entropy(logits_of(model, inputs[1:2]), label)
    torch.testing.assert_close(losses['decode.loss_ce'], expected)
    with pytest.raises(ValueError, match="source 'labeled', but the model knows"):
        model.loss(*samples('labeled'))


@pytest.mark.parametrize(
    'sources', [('labeled',), ('unlabeled',), ('labeled', 'unlabeled'), (None,)]
)
@pytest.mark.parametrize('threshold', [0.0, 1.1])
def test_all_parameters_get_finite_gradients(build, boxes_config, sources, threshold):
    auxiliary = dict(
        boxes_config.model.decode_head,
        in_channels=16,
        in_index=2,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4),
    )
    model = build(auxiliary_head=auxiliary, threshold=threshold, mixing='cutmix')
    losses = model.loss(*samples(*sources))
    total, _ = model.parse_losses(losses)
    total.backward()
    assert torch.isfinite(total)
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    if sources[0] in ('labeled', None):
        assert 'aux.loss_ce' in losses and losses['aux.loss_ce'] > 0
    else:
        assert losses['decode.loss_none'] == losses['aux.loss_none'] == 0
        if threshold > 1:
            assert losses['unlabeled.used'] == 0 and total == 0
    assert all(p.grad is None for p in model.teacher.parameters())


def test_several_auxiliary_heads_and_ohem(build, boxes_config):
    head = dict(
        boxes_config.model.decode_head,
        loss_decode=dict(type='CrossEntropyLoss'),
        sampler=dict(type='OHEMPixelSampler', thresh=0.9, min_kept=50),
    )
    auxiliary = [dict(head, in_channels=16, in_index=2), head]
    model = build(auxiliary_head=auxiliary, decode_head=head)
    inputs, data = samples('labeled', 'labeled', 'unlabeled')
    losses = model.loss(inputs, data)
    assert {'aux_0.loss_ce', 'aux_1.loss_ce', 'decode.loss_ce'} <= set(losses)
    alone = super(type(model), model).loss(inputs[:2], data[:2])
    for key, value in alone.items():
        torch.testing.assert_close(losses[key], value)


def test_missing_sources_are_reported_once(build):
    messages = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    try:
        model = build()
        for _ in range(3):
            model.loss(*samples('labeled', 'unlabeled'))
            model.loss(*samples('unlabeled'))
            model.loss(*samples('labeled'))
    finally:
        logger.removeHandler(handler)
    reports = [m for m in messages if m.startswith('A batch has no sample')]
    assert len(reports) == 2
    assert "of the labelled sources ['labeled']" in reports[0]
    assert "of the unlabelled sources ['unlabeled']" in reports[1]


def test_warmup_uses_labels_alone(build):
    model = build(warmup_iters=5)
    hub = MessageHub.get_current_instance()
    data = samples('labeled', 'unlabeled')
    try:
        hub.update_info('iter', 4)
        assert 'unlabeled.loss_ce' not in model.loss(*data)
        hub.update_info('iter', 5)
        assert 'unlabeled.loss_ce' in model.loss(*data)
    finally:
        hub.pop_info('iter')


def test_teacher_modes(build, boxes_config):
    norm = dict(type='BN')
    cfg = boxes_config.model
    parts = dict(
        backbone=dict(cfg.backbone, norm_cfg=norm),
        decode_head=dict(
            cfg.decode_head,
            norm_cfg=norm,
            dropout_ratio=0.5,
            loss_decode=dict(type='CrossEntropyLoss'),
        ),
    )
    inputs, _ = samples('unlabeled', 'unlabeled')
    for mode in ('eval', 'train'):
        model = build(teacher_mode=mode, **parts).train()
        before = {k: v.clone() for k, v in model.teacher.named_buffers()}
        first, second = (model.teacher_logits(inputs) for _ in range(2))
        changed = [
            k for k, v in model.teacher.named_buffers() if not torch.equal(v, before[k])
        ]
        assert bool(changed) == (mode == 'train')
        assert torch.equal(first, second) == (mode == 'eval')
        assert not any(m.training for m in model.teacher.modules())
        assert not first.requires_grad


def test_predictions_of_student_and_teacher(build):
    inputs, data = samples('labeled', 'labeled')
    for val_model in ('student', 'teacher'):
        model = build(val_model=val_model).eval()
        chosen = model if val_model == 'student' else model.teacher
        with torch.no_grad():
            got = torch.stack([s.seg_logits.data for s in model.predict(inputs)])
            torch.testing.assert_close(got, logits_of(chosen, inputs))
    model.__dict__.pop('_teacher')
    with pytest.raises(RuntimeError, match='EMATeacherHook.* in custom_hooks'):
        model.predict(inputs)
    for unlabeled in (False, True):
        if unlabeled:
            with pytest.raises(RuntimeError, match='has no teacher'):
                model.loss(*samples('labeled', 'unlabeled'))
        else:
            model.loss(*samples('labeled'))


def test_teacher_is_in_no_state(build):
    model = build(mixing='cutmix', strong_view={})
    assert not any('teacher' in k for k in model.state_dict())
    owned = {id(p) for p in model.parameters()}
    assert not owned & {id(p) for p in model.teacher.parameters()}
    assert model.state_dict().keys() == model.teacher.state_dict().keys()
    model.train()
    assert not any(m.training for m in model.teacher.modules())


@pytest.mark.parametrize(
    'setting', [dict(mixing='mixup'), dict(teacher_mode='x'), dict(val_model='both')]
)
def test_unknown_settings(build, setting):
    ((name, value),) = setting.items()
    with pytest.raises(ValueError, match=f'{name}={value!r} is unknown'):
        build(**setting)
