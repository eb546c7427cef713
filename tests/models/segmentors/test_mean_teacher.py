import copy
import logging
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub, MMLogger
from mmengine.structures import PixelData
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_labelfree.models.segmentors import TeacherView, real_pixels, split_batch
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
def build(incremental):
    def build(teacher_seed=7, **kwargs):
        cfg = copy.deepcopy(incremental.model)
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


def views_of(model, inputs, data):
    """The labeled images, the weak view and the strong ones."""
    batch = split_batch(inputs, data, model.labeled_sources, model.unlabeled_sources)
    labeled = TeacherView(batch.labeled, batch.truth())
    weak = model.weak_view(batch)
    return labeled, weak, model.strong_views(weak, labeled)


def painted(*sources):
    """Images whose pixels tell image (channel 0) and place (channel 1)."""
    inputs, data = samples(*sources)
    inputs[:, 0] = torch.arange(float(len(sources))).view(-1, 1, 1)
    inputs[:, 1] = torch.arange(SIZE[0] * SIZE[1]).view(SIZE) / 500
    return inputs, data


@pytest.mark.parametrize('mixing', ['cutmix', 'classmix', 'cutout'])
def test_mixing_reaches_images_and_labels_alike(build, mixing):
    model = build(mixing=mixing)
    inputs, data = painted(*['unlabeled'] * 3)
    torch.manual_seed(1)
    _, weak, (strong,) = views_of(model, inputs, data)
    if mixing == 'cutout':
        cut = (strong.images == 0).all(1)
        assert 0.3 < cut.float().mean() < 0.7
        assert torch.equal(strong.labels == 255, cut)
        assert torch.equal(strong.labels[~cut], weak.labels[~cut])
        return
    source = strong.images[:, 0].long()
    for i in range(3):
        assert set(source[i].unique().tolist()) <= {i, (i + 1) % 3}
    assert torch.equal(strong.labels, weak.labels.gather(0, source))
    assert torch.equal(strong.images[:, 1], inputs[:, 1])
    taken = source != torch.arange(3).view(3, 1, 1)
    assert 0 < taken.float().mean() <= 1


@pytest.mark.parametrize('mixing', ['cutmix', 'classmix'])
def test_an_unlabeled_image_alone_is_mixed_with_a_labeled_one(build, mixing, caplog):
    model = build(mixing=mixing)
    inputs, data = painted('labeled', 'unlabeled', 'labeled')
    labeled, weak, (strong,) = views_of(model, inputs, data)
    taken = strong.images[:, 0] == 0
    assert 0 < taken.float().mean() < 1
    expected = torch.where(taken, labeled.labels[:1], weak.labels)
    assert torch.equal(strong.labels, expected)
    logger = MMLogger.get_current_instance()
    with caplog.at_level('WARNING', logger.name):
        logger.addHandler(caplog.handler)
        for _ in range(2):
            _, weak, (strong,) = views_of(model, *painted('unlabeled'))
        logger.removeHandler(caplog.handler)
    assert torch.equal(strong.images, weak.images)
    assert caplog.text.count(f'nothing to mix for {mixing}') == 1


def test_mixing_probability_and_area(build):
    _, weak, (strong,) = views_of(
        build(mixing='cutmix', mixing_prob=0.0), *painted('unlabeled', 'unlabeled')
    )
    assert torch.equal(strong.images, weak.images)
    settings = dict(mixing='cutmix', mixing_prob=0.5, mixing_area=0.25)
    for per_sample in (False, True):
        model = build(mixing_per_sample=per_sample, **settings)
        inputs, data = painted(*['unlabeled'] * 40)
        torch.manual_seed(0)
        _, weak, (strong,) = views_of(model, inputs, data)
        shares = (strong.images != weak.images).any(1).float().mean((1, 2))
        mixed = shares > 0
        torch.testing.assert_close(
            shares[mixed], torch.full_like(shares[mixed], 0.25), atol=0.03, rtol=0
        )
        assert mixed.float().mean() in (0, 1) or per_sample
        assert 0.2 < mixed.float().mean() < 0.8 or not per_sample


@pytest.mark.parametrize('mixing', ['classmix', 'cutmix'])
def test_labeled_partners_by_a_slow_loop(build, mixing):
    """DACS: pixels of the i-th labeled image, with their truth and weight 1."""
    model = build(
        mixing=mixing,
        mixing_partner='labeled',
        confidence_weight='image',
        confidence_threshold=0.4,
    )
    inputs, data = painted('labeled', 'unlabeled', 'unlabeled', 'labeled', 'unlabeled')
    data[0].gt_sem_seg.data[:, :2] = 255
    labeled, weak, (strong,) = views_of(model, inputs, data)
    assert len(weak.weights.unique()) == 3
    for i, row in enumerate((1, 2, 4)):
        partner = (0, 3, 0)[i]
        pasted = strong.images[i, 0].long() == partner
        truth = data[partner].gt_sem_seg.data[0]
        assert 0.1 < pasted.float().mean() < 0.9
        for y in range(SIZE[0]):
            for x in range(SIZE[1]):
                if pasted[y, x]:
                    expected = inputs[partner, :, y, x], truth[y, x], 1
                else:
                    expected = inputs[row, :, y, x], weak.labels[i, y, x]
                    expected = (*expected, weak.weights[i, y, x])
                image, label, weight = expected
                assert torch.equal(strong.images[i, :, y, x], image)
                assert strong.labels[i, y, x] == label
                assert strong.weights[i, y, x] == weight
        if mixing == 'classmix':  # two of three classes, whole and without border
            classes = truth[pasted].unique().tolist()
            assert len(classes) == 2 and 255 not in classes
            assert torch.equal(pasted, torch.isin(truth, torch.tensor(classes)))
    assert torch.equal(labeled.images, inputs[[0, 3]])
    inputs, data = painted('unlabeled', 'unlabeled')
    _, weak, (strong,) = views_of(model, inputs, data)
    assert torch.equal(strong.images, weak.images)  # no partner, not mixed
    assert 'unlabeled.loss_ce' in model.loss(inputs, data)


@pytest.mark.parametrize('scope', ['image', 'batch'])
def test_confidence_weighs_the_pseudo_labels(build, scope):
    model = build(confidence_weight=scope, confidence_threshold=0.45)
    inputs, data = samples('unlabeled', 'unlabeled')
    data[0].set_metainfo(dict(img_shape=(20, 24)))  # padding is not counted
    losses = model.loss(inputs, data)
    probabilities = logits_of(model.teacher, inputs).softmax(1)
    sure = [probabilities[0, :, :20].amax(0) >= 0.45, probabilities[1].amax(0) >= 0.45]
    shares = [s.float().mean() for s in sure]
    if scope == 'batch':
        shares = [torch.cat([s.flatten() for s in sure]).float().mean()] * 2
    assert all(0.05 < share < 0.95 for share in shares)
    labels = probabilities.argmax(1)
    labels[0, 20:] = 255
    pixels = F.cross_entropy(
        logits_of(model, inputs), labels, ignore_index=255, reduction='none'
    )
    expected = (torch.stack(shares)[:, None, None] * pixels).mean()
    torch.testing.assert_close(losses['unlabeled.loss_ce'], expected)


def test_weights_are_mixed_and_used(build):
    class Weighted(type(build())):
        def weak_view(self, batch):
            view = super().weak_view(batch)
            return replace(view, weights=torch.rand(view.labels.shape))

        def unlabeled_loss(self, logits, strong):
            self.seen = strong
            return super().unlabeled_loss(logits, strong)

    model = build(mixing='cutmix')
    model.__class__ = Weighted
    inputs, data = samples('unlabeled', 'unlabeled')
    torch.manual_seed(3)
    losses = model.loss(inputs, data)
    (view,) = model.seen
    torch.manual_seed(3)
    weights = torch.rand(view.labels.shape)
    expected = mix((view.images != inputs).all(1), weights)
    assert torch.equal(view.weights, expected)
    pixels = F.cross_entropy(
        logits_of(model, view.images), view.labels, reduction='none'
    )
    torch.testing.assert_close(
        losses['unlabeled.loss_ce'], (pixels * view.weights).mean()
    )


def test_several_strong_views_by_a_loop(build):
    """UniMatch: own masks and colors; the mean of the losses of single views."""
    settings = dict(mixing='cutmix', strong_view={}, threshold=0.4)
    model = build(num_strong_views=3, **settings)
    single = build(**settings)
    inputs, data = samples('labeled', 'unlabeled', 'unlabeled')
    torch.manual_seed(2)
    losses = model.loss(inputs, data)
    torch.manual_seed(2)
    each = [single.loss(inputs, data) for _ in range(3)]
    assert len({one['unlabeled.loss_ce'].item() for one in each}) == 3
    for name in ('unlabeled.loss_ce', 'unlabeled.used'):
        mean = sum(one[name] for one in each) / 3
        torch.testing.assert_close(losses[name], mean)
    torch.testing.assert_close(losses['decode.loss_ce'], each[0]['decode.loss_ce'])


def batch_norm(cfg, dropout=0.0):
    norm = dict(type='BN')
    head = dict(
        cfg.decode_head,
        norm_cfg=norm,
        dropout_ratio=dropout,
        loss_decode=dict(type='CrossEntropyLoss'),
    )
    return dict(
        backbone=dict(cfg.backbone, norm_cfg=norm),
        decode_head=head,
        auxiliary_head=dict(head, in_channels=16, in_index=2),
    )


def test_passes_per_source_by_a_loop(build, incremental):
    """Batch norm sees each source by itself, in the order of the settings."""
    settings = dict(
        labeled_sources=['base', 'clean'],
        unlabeled_sources=['unclean'],
        num_strong_views=2,
        **batch_norm(incremental.model),
    )
    model = build(student_passes='per_source', **settings).train()
    other = build(**settings).train()
    sources = ['unclean', 'clean', 'base', 'base', 'clean', 'unclean']
    inputs, data = samples(*sources)
    seen = []
    model.backbone.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    losses = model.loss(inputs, data)
    rows = [[2, 3], [1, 4], [0, 5, 0, 5]]
    assert all(torch.equal(s, inputs[r]) for s, r in zip(seen, rows, strict=True))

    labels = torch.cat([sample.gt_sem_seg.data for sample in data])
    parts = {'decode': [], 'aux': []}
    for members in rows[:2]:
        features = other.extract_feat(inputs[members])
        for name, head in (
            ('decode', other.decode_head),
            ('aux', other.auxiliary_head),
        ):
            logits = resize(head(features), SIZE, mode='bilinear')
            parts[name].append(F.cross_entropy(logits, labels[members]))
    for name, values in parts.items():  # two images of each source
        torch.testing.assert_close(losses[f'{name}.loss_ce'], sum(values) / 2)
    pseudo = logits_of(model.teacher, inputs[[0, 5]]).argmax(1)
    features = other.extract_feat(inputs[rows[2]])
    logits = resize(other.decode_head(features), SIZE, mode='bilinear')
    expected = F.cross_entropy(logits, torch.cat([pseudo, pseudo]))
    torch.testing.assert_close(losses['unlabeled.loss_ce'], expected)
    other.auxiliary_head(features)  # its statistics, too
    for name, value in other.named_buffers():
        torch.testing.assert_close(dict(model.named_buffers())[name], value)
    joint = build(**settings).train().loss(inputs, data)
    assert not torch.allclose(joint['decode.loss_ce'], losses['decode.loss_ce'])


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
    _, weak, _ = views_of(model, inputs, data)
    assert torch.equal(weak.labels != 255, real)


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
@pytest.mark.parametrize(
    'settings',
    [
        dict(threshold=0.0),
        dict(threshold=1.0),
        dict(student_passes='per_source', num_strong_views=2),
        dict(mixing_partner='labeled', confidence_weight='batch'),
    ],
)
def test_all_parameters_get_finite_gradients(build, incremental, sources, settings):
    auxiliary = dict(
        incremental.model.decode_head,
        in_channels=16,
        in_index=2,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4),
    )
    model = build(auxiliary_head=auxiliary, mixing='cutmix', **settings)
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
        if settings.get('threshold', 0) > 1:
            assert losses['unlabeled.used'] == 0 and total == 0
    assert all(p.grad is None for p in model.teacher.parameters())


def test_several_auxiliary_heads_and_ohem(build, incremental):
    head = dict(
        incremental.model.decode_head,
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
    assert "of the labeled sources ['labeled']" in reports[0]
    assert "of the unlabeled sources ['unlabeled']" in reports[1]


def test_warmup_uses_labels_alone(build):
    model = build(warmup_iters=5)
    hub = MessageHub.get_current_instance()
    data = samples('labeled', 'unlabeled')
    try:
        hub.update_info('iter', 4)
        assert 'unlabeled.loss_ce' not in model.loss(*data)
        # Without labels there is nothing to learn, whatever the teacher says.
        losses = model.loss(*samples('unlabeled'))
        assert losses['unlabeled.loss_ce'] == losses['unlabeled.used'] == 0
        hub.update_info('iter', 5)
        assert 'unlabeled.loss_ce' in model.loss(*data)
    finally:
        hub.pop_info('iter')


@pytest.mark.parametrize('mode', ['eval', 'train', 'train_norm'])
def test_teacher_modes(build, incremental, mode):
    parts = batch_norm(incremental.model, dropout=0.5)
    inputs, data = samples('unlabeled', 'unlabeled')
    model = build(teacher_mode=mode, **parts).train()
    # By hand: all modules in the mode, or batch norm alone.
    by_hand = copy.deepcopy(model.teacher).train(mode == 'train')
    if mode == 'train_norm':
        for module in by_hand.modules():
            module.training = isinstance(module, torch.nn.BatchNorm2d)
    before = {k: v.clone() for k, v in model.teacher.named_buffers()}
    torch.manual_seed(0)
    first, second = (
        model.to_size(model.teacher_outputs(inputs).logits, inputs) for _ in range(2)
    )
    torch.manual_seed(0)
    with torch.no_grad():
        assert torch.equal(first, logits_of(by_hand, inputs))
        assert torch.equal(second, logits_of(by_hand, inputs))
    after = dict(model.teacher.named_buffers())
    changed = [k for k, v in after.items() if not torch.equal(v, before[k])]
    assert bool(changed) == (mode != 'eval')
    assert torch.equal(first, second) == (mode != 'train')  # dropout
    assert not any(m.training for m in model.teacher.modules())
    assert not first.requires_grad
    before = {k: v.clone() for k, v in after.items()}
    model.pseudo_label_maps(inputs, data)  # pictures change nothing
    assert all(torch.equal(v, before[k]) for k, v in after.items())


def test_predictions_of_student_and_teacher(build):
    inputs, data = samples('labeled', 'labeled')
    for val_model in ('student', 'teacher'):
        model = build(val_model=val_model).eval()
        chosen = model if val_model == 'student' else model.teacher
        with torch.no_grad():
            got = torch.stack([s.seg_logits.data for s in model.predict(inputs)])
            torch.testing.assert_close(got, logits_of(chosen, inputs))
    model.__dict__.pop('_teacher')
    with pytest.raises(AttributeError, match='EMATeacherHook.* in custom_hooks'):
        model.predict(inputs)
    for unlabeled in (False, True):
        if unlabeled:
            with pytest.raises(AttributeError, match='has no teacher'):
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
    'setting',
    [
        dict(mixing='mixup'),
        dict(mixing_partner='x'),
        dict(teacher_mode='x'),
        dict(val_model='both'),
        dict(student_passes='two'),
        dict(confidence_weight='pixel'),
    ],
)
def test_unknown_settings(build, setting):
    ((name, value),) = setting.items()
    with pytest.raises(ValueError, match=f'{name}={value!r} is unknown'):
        build(**setting)


def test_settings_that_do_not_fit(build):
    with pytest.raises(ValueError, match='num_strong_views=0 must be at least 1'):
        build(num_strong_views=0)
    with pytest.raises(ValueError, match="mixing='cutout' takes no pixels"):
        build(mixing='cutout', mixing_partner='labeled')
