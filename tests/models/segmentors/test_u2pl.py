import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.distributed as dist
from mmengine.logging import MessageHub
from mmengine.structures import PixelData
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_labelfree.engine.hooks import EMATeacherHook
from mmseg_labelfree.models.segmentors import U2PLEncoderDecoder, split_batch
from mmseg_labelfree.models.teachers.ema import copy_student
from mmseg_labelfree.ops import mix

SIZE = (24, 24)
PARTS = dict(
    representation_head=dict(
        type='RepresentationHead',
        in_channels=8,
        channels=6,
        norm_cfg=dict(type='GN', num_groups=2),
        dropout_ratio=0.0,
    ),
    memory_bank=dict(
        type='PrototypeMemoryBank',
        num_classes=5,
        channels=6,
        length=40,
        background_length=60,
        momentum=0.9,
    ),
    contrastive_loss=dict(
        type='MemoryBankContrastiveLoss',
        num_anchors=8,
        num_negatives=4,
        low_rank=1,
        anchor_threshold=0.1,
    ),
    unlabeled_loss=dict(type='SymmetricCrossEntropyLoss', xi1=1.0, xi2=0.5),
)


def samples(*sources, seed=0):
    generator = torch.Generator().manual_seed(seed)
    data = []
    for source in sources:
        label = torch.randint(0, 5, (1, *SIZE), generator=generator)
        label[0, :2] = 255
        if source == 'unlabeled':
            label.fill_(255)
        sample = SegDataSample(gt_sem_seg=PixelData(data=label))
        sample.set_metainfo(dict(source=source))
        data.append(sample)
    return torch.randn(len(sources), 3, *SIZE, generator=generator), data


@pytest.fixture(autouse=True)
def halfway():
    """Iteration 25 of 50: half of the unreliable share is left."""
    hub = MessageHub.get_current_instance()
    keys = [k for k in ('iter', 'max_iters') if k in hub.runtime_info]
    before = {k: hub.get_info(k) for k in keys}
    hub.update_info('iter', 25)
    hub.update_info('max_iters', 50)
    yield
    for key in ('iter', 'max_iters'):
        hub.runtime_info.pop(key)
        if key in before:
            hub.update_info(key, before[key])


def config(incremental, **kwargs):
    cfg = copy.deepcopy(incremental.model)
    cfg.pop('distillation')
    cfg.decode_head.num_classes = 5
    cfg.decode_head.loss_decode = dict(type='CrossEntropyLoss')
    for name, value in (PARTS | dict(unreliable=0.4) | kwargs).items():
        cfg[name] = value
    official = cfg.pop('official', False)
    cfg.type = 'U2PLOfficialEncoderDecoder' if official else 'U2PLEncoderDecoder'
    if official:
        cfg.contrastive_loss.type = 'U2PLOfficialContrastiveLoss'
        cfg.memory_bank.momentum = 0.0
        cfg.denoise = False
        cfg.unlabeled_loss.avg_non_ignore = True
    return cfg


@pytest.fixture
def build(incremental):
    def build(**kwargs):
        torch.manual_seed(0)
        model = MODELS.build(config(incremental, **kwargs))
        teacher = copy_student(model, model.not_in_teacher)
        with torch.no_grad():
            for p in teacher.parameters():
                p += 0.2 * torch.randn_like(p)
        model.set_teacher(teacher)
        return model

    return build


def seen_by(model, images):
    """Logits at image size and embeddings of a network."""
    features = model.extract_feat(images)
    with model.representation_head.recording(model.decode_head) as recorded:
        logits = model.decode_head(features)
    return resize(logits, SIZE, mode='bilinear'), model.representation_head(recorded[0])


def test_pseudo_labels_and_weight_by_their_definition(build):
    model = build()
    assert isinstance(model, U2PLEncoderDecoder)
    prototypes = torch.randn(5, 6, generator=torch.Generator().manual_seed(3))
    model.memory_bank.prototypes.copy_(prototypes)
    model.memory_bank.known.fill_(True)
    inputs, data = samples('labeled', 'unlabeled', 'labeled', 'unlabeled')
    losses = model.loss(inputs, data)
    assert set(losses) == {
        'decode.loss_ce',
        'decode.acc_seg',
        'unlabeled.loss_sce',
        'unlabeled.used',
        'contrast.loss_contrast',
    }
    with torch.no_grad():
        logits, embeddings = seen_by(model.teacher, inputs[[1, 3]])
        student, _ = seen_by(model, inputs[[1, 3]])
        _, labeled_embeddings = seen_by(model.teacher, inputs[[0, 2]])
    p = logits.softmax(1).double().numpy()
    entropy = -(p * np.log(p)).sum(1)
    limit = np.percentile(entropy, 100 * (1 - 0.2))  # half of 40 %
    reliable = entropy < limit
    # The prototypes move first, eq. 18, with undenoised labels; the embeddings have a
    # quarter of the size.
    truth = torch.stack([data[i].gt_sem_seg.data[0] for i in (0, 2)]).numpy()
    certain = p.argmax(1)
    z = np.concatenate([labeled_embeddings.numpy(), embeddings.numpy()])
    label_map = np.concatenate([truth, np.where(reliable, certain, 255)])
    moved = prototypes.numpy().copy()
    for c in range(5):
        rows = z.transpose(0, 2, 3, 1)[label_map[:, ::4, ::4] == c]
        if len(rows):
            moved[c] = 0.9 * moved[c] + 0.1 * rows.mean(0)
    torch.testing.assert_close(model.memory_bank.prototypes, torch.tensor(moved))
    distance = np.linalg.norm(
        embeddings.numpy()[:, None] - moved[None, :, :, None, None], axis=2
    )
    weight = np.log(np.exp(-distance) / np.exp(-distance).sum(1, keepdims=True))
    weight = resize(torch.tensor(weight), SIZE, mode='bilinear').exp().numpy()
    labels = np.where(reliable, (p * weight).argmax(1), 255)
    assert (labels != np.where(reliable, certain, 255)).any()
    q = student.softmax(1).double().numpy()
    chosen = np.take_along_axis(q, labels.clip(max=4)[:, None], 1)[:, 0]
    pixels = -np.log(chosen) - 0.5 * np.log(1e-4) * (1 - chosen)
    expected = pixels[reliable].mean()  # eq. 14 makes it the mean over reliable pixels
    torch.testing.assert_close(
        losses['unlabeled.loss_sce'].detach().double(),
        torch.tensor(expected),
        rtol=1e-4,
        atol=1e-5,
    )
    assert losses['unlabeled.used'].item() == pytest.approx(reliable.mean())


def contrast_of(model, *batch):
    """What the contrastive loss of a step is called with."""
    calls = []
    handle = model.contrastive_loss.register_forward_pre_hook(
        lambda _, args: calls.append(args)
    )
    model.loss(*batch)
    handle.remove()
    ((embeddings, logits, labels, reliable, _),) = calls
    return embeddings, logits, labels.masked_fill(~reliable, 255)


@pytest.mark.parametrize('partner', ['unlabeled', 'labeled'])
def test_what_the_teacher_saw_is_mixed_like_the_images(build, partner):
    """Also of several views, and with labeled images, by a slow loop."""
    model = build(
        mixing='cutmix', mixing_partner=partner, denoise=False, num_strong_views=2
    )
    inputs, data = samples('labeled', 'unlabeled', 'unlabeled')
    batch = split_batch(inputs, data, ['labeled'], ['unlabeled'])
    torch.manual_seed(0)
    labeled, strong = model.views(batch)
    plain = build(denoise=False)
    labeled_plain, (weak,) = plain.views(batch)
    assert torch.equal(labeled.anchors, batch.truth()[:, ::4, ::4])
    own, other = {}, {}
    for name in ('images', 'labels', 'logits', 'anchors'):
        own[name] = getattr(weak, name)
        other[name] = own[name].roll(-1, 0)
        if partner == 'labeled':
            only = getattr(labeled_plain, name)
            other[name] = only.expand(2, *only.shape[1:])
    assert len(strong) == 2
    assert not torch.equal(strong[0].images, strong[1].images)
    for view in strong:
        mask = (view.images != weak.images).all(1)
        assert 0 < mask.float().mean() < 1
        for i in range(2):
            for y in range(SIZE[0]):
                for x in range(SIZE[1]):
                    source = other if mask[i, y, x] else own
                    assert view.labels[i, y, x] == source['labels'][i, y, x]
                    if y % 4 or x % 4:
                        continue
                    a, b = y // 4, x // 4
                    assert view.anchors[i, a, b] == source['anchors'][i, a, b]
                    expected = source['logits'][i, :, a, b]
                    assert torch.equal(view.logits[i, :, a, b], expected)
    torch.manual_seed(0)
    again = build(
        mixing='cutmix', mixing_partner=partner, denoise=False, num_strong_views=2
    )
    torch.manual_seed(0)
    embeddings, logits, anchors = contrast_of(again, inputs, data)
    assert len(embeddings) == 1 + 2 * 2
    views = [labeled, *strong]
    assert torch.equal(logits, torch.cat([view.logits for view in views]))
    assert torch.equal(anchors, torch.cat([view.anchors for view in views]))


@pytest.mark.parametrize('official', [False, True])
def test_weights_of_several_views(build, official):
    """Eq. 14 for each view; the loss is the mean over the views."""
    settings = dict(denoise=False, mixing='classmix', threshold=0.3, official=official)
    model = build(num_strong_views=2, confidence_weight='batch', **settings)
    inputs, data = samples('labeled', 'unlabeled', 'unlabeled')
    batch = split_batch(inputs, data, ['labeled'], ['unlabeled'])
    torch.manual_seed(0)
    _, strong = model.views(batch)
    probability = model.to_size(
        model.teacher_outputs(batch.unlabeled).logits, batch.unlabeled
    ).softmax(1)
    q = (probability.amax(1) >= 0.968).float().mean()
    expected = []
    for view in strong:
        used = view.labels != 255
        assert 0 < used.float().mean() < 1
        torch.testing.assert_close(view.loss_weight, 1 / used.float().mean())
        assert torch.equal(view.weights, torch.full_like(view.weights, q))
        student, _ = seen_by(model, view.images)
        loss = model.unlabeled_criterion(student, view.labels, weight=view.weights)
        expected.append(loss / used.float().mean())
    again = build(num_strong_views=2, confidence_weight='batch', **settings)
    torch.manual_seed(0)
    losses = again.loss(inputs, data)
    torch.testing.assert_close(losses['unlabeled.loss_sce'], sum(expected) / 2)


def test_order_of_the_official_code(build):
    """Labels from the weak views alone; all else from a pass on the mixed images."""
    model = build(official=True, mixing='cutmix', denoise=False)
    inputs, data = samples('labeled', 'unlabeled', 'unlabeled')
    seen = []
    model.teacher.backbone.register_forward_pre_hook(
        lambda module, args: seen.append((module.training, args[0]))
    )
    batch = split_batch(inputs, data, ['labeled'], ['unlabeled'])
    _, (view,) = model.views(batch)
    (first, weak), (second, both) = seen
    assert (first, second) == (False, True)
    assert torch.equal(weak, inputs[1:])
    assert torch.equal(both, torch.cat([inputs[:1], view.images]))
    with torch.no_grad():
        labels = seen_by(model.teacher, inputs[1:])[0].argmax(1)
        logits, _ = seen_by(model.teacher, both)
    p = logits[1:].softmax(1).double().numpy()
    entropy = -(p * np.log(p)).sum(1)
    reliable = torch.tensor(entropy < np.percentile(entropy, 80))
    anchors = torch.tensor(entropy <= np.percentile(entropy, 20))
    mixed = mix((view.images != inputs[1:]).all(1), labels)
    assert torch.equal(view.labels, mixed.masked_fill(~reliable, 255))
    # The first image has the labels of both.
    for c in range(5):
        has = (mixed == c).any(0) & anchors[0]
        assert torch.equal(view.anchors[0, c], has[::4, ::4])
    assert not view.anchors[1].any()


def test_negatives_are_unreliable_or_hard(build):
    model = build(denoise=False)
    assert not model.memory_bank.filled.any()
    inputs, data = samples('labeled', 'unlabeled')
    model.loss(inputs, data)
    filled = model.memory_bank.filled
    assert filled.any()
    model = build(denoise=False)
    model.loss(*samples('unlabeled'))
    assert model.memory_bank.filled.any()  # the unreliable ones alone
    model = build(denoise=False, unreliable=0.0)
    model.loss(*samples('unlabeled'))
    assert not model.memory_bank.filled.any()


def test_which_pixels_are_negatives(build):
    """Table 3: the queues fill with what each kind brings, kind by kind."""
    filled = {}
    for kinds in (('labeled',), ('reliable',), ('unreliable',), ()):
        model = build(denoise=False, mixing=None, negatives=kinds)
        model.loss(*samples('labeled', 'unlabeled', 'unlabeled'))
        filled[kinds] = model.memory_bank.filled.clone()
    assert not filled[()].any()
    assert all(filled[(k,)].any() for k in ('labeled', 'reliable', 'unreliable'))
    everything = build(
        denoise=False, mixing=None, negatives=('labeled', 'reliable', 'unreliable')
    )
    everything.loss(*samples('labeled', 'unlabeled', 'unlabeled'))
    total = sum(filled.values())
    capacity = everything.memory_bank.capacity
    assert torch.equal(everything.memory_bank.filled, total.minimum(capacity))
    with pytest.raises(ValueError, match="negatives='all' is unknown"):
        build(negatives=('all',))


@pytest.mark.parametrize(
    'sources',
    [
        ('labeled', 'unlabeled'),
        ('labeled', 'labeled'),
        ('unlabeled', 'unlabeled'),
    ],
)
@pytest.mark.parametrize(
    'settings',
    [
        dict(),
        dict(official=True),
        dict(student_passes='per_source', num_strong_views=2),
        dict(mixing='classmix', mixing_partner='labeled'),
        dict(mixing='cutout'),
        dict(mixing='classmix', strong_view={}),
        dict(unreliable=1.0, dynamic_partition=False),
        dict(contrastive_loss=None),
        dict(warmup_iters=100),
    ],
)
def test_all_parameters_get_finite_gradients(build, sources, settings):
    model = build(**settings)
    for seed in range(2):  # with an empty bank, then with a filled one
        losses = model.loss(*samples(*sources, seed=seed))
        total, _ = model.parse_losses(losses)
        total.backward()
    assert torch.isfinite(total)
    for name, p in model.named_parameters():
        assert p.grad is not None and torch.isfinite(p.grad).all(), name


def test_a_seed_gives_the_network_of_the_baselines(incremental):
    states = []
    without = dict.fromkeys(('representation_head', 'memory_bank', 'contrastive_loss'))
    for parts in (dict(without, denoise=False), {}):
        torch.manual_seed(1)
        model = MODELS.build(config(incremental, **parts))
        model.init_weights()
        states.append(model.state_dict())
    plain, whole = states
    assert len(whole) > len(plain)
    assert all(torch.equal(value, whole[key]) for key, value in plain.items())


def test_parts_can_be_left_out(build):
    parts = dict(representation_head=None, memory_bank=None, contrastive_loss=None)
    model = build(**parts, denoise=False, adaptive_weight=False)
    inputs, data = samples('labeled', 'unlabeled')
    losses = model.loss(inputs, data)
    assert not [name for name in losses if 'contrast' in name]
    used = losses['unlabeled.used']
    weighted = build(**parts, denoise=False).loss(inputs, data)
    torch.testing.assert_close(
        weighted['unlabeled.loss_sce'] * used, losses['unlabeled.loss_sce']
    )
    with pytest.raises(ValueError, match='need a representation_head'):
        build(**parts)
    with pytest.raises(ValueError, match='need each other'):
        build(memory_bank=None, contrastive_loss=None, denoise=False)


def test_a_bank_of_another_size_is_one_message(build):
    bank = PARTS['memory_bank']
    with pytest.raises(ValueError, match='heads: set memory_bank.num_classes=5'):
        build(memory_bank=dict(bank, num_classes=4))
    with pytest.raises(ValueError, match='heads: set memory_bank.channels=6'):
        build(memory_bank=dict(bank, channels=8))


def test_two_algorithms_are_not_mixed(build, incremental):
    with pytest.raises(ValueError, match='of two algorithms'):
        build(contrastive_loss=dict(type='U2PLOfficialContrastiveLoss'))
    whole = config(incremental, official=True)
    bank = dict(PARTS['memory_bank'])
    bank.pop('momentum')
    plain = dict(memory_bank=bank, contrastive_loss={}, unlabeled_loss=None)
    model = MODELS.build(dict(whole, **plain))  # the switch alone
    assert model.contrastive_loss.official and model.memory_bank.momentum == 0
    assert not model.denoise and model.unlabeled_criterion.avg_non_ignore
    for message, change in (
        ('of two algorithms', dict(contrastive_loss=PARTS['contrastive_loss'])),
        ('set memory_bank.momentum=0', dict(memory_bank=PARTS['memory_bank'])),
        ('set denoise=False', dict(denoise=True)),
        ('set masked_view=None', dict(masked_view={})),
        ('set unlabeled_loss.avg', dict(unlabeled_loss=PARTS['unlabeled_loss'])),
    ):
        with pytest.raises(ValueError, match=message):
            MODELS.build(dict(whole, **change))


def test_an_embedding_that_is_not_finite_is_gone_with_its_step(build):
    model = build()
    model.teacher.representation_head.register_forward_hook(
        lambda module, args, output: output.index_fill(3, torch.tensor([2]), torch.nan)
    )
    losses = model.loss(*samples('labeled', 'unlabeled', 'unlabeled'))
    assert all(value.isfinite() for value in losses.values())
    bank = model.memory_bank
    assert bank.filled.any() and bank.queues.isfinite().all()
    assert bank.known.any() and bank.prototypes.isfinite().all()


def test_unit_distances(build):
    inputs, data = samples('labeled', 'unlabeled', 'unlabeled')
    labels = []
    for scale in (1, 100):  # of the embeddings alone
        model = build(unit_distances=True, mixing=None)
        model.teacher.representation_head.register_forward_hook(
            lambda module, args, output, scale=scale: scale * output
        )
        batch = split_batch(inputs, data, ['labeled'], ['unlabeled'])
        labels.append(model.views(batch)[1][0].labels)
    assert torch.equal(*labels)


def warmup_step(model, kinds):
    """One step of the warm-up in a process that has these kinds of samples."""
    losses = model.loss(*samples(*kinds[dist.get_rank()]))
    return {name: float(value) for name, value in losses.items()}


def test_a_process_without_labels_in_the_warmup(build, in_two_processes):
    """The others do not wait for what it says of its images."""
    kinds = ('labeled', 'unlabeled'), ('unlabeled', 'unlabeled')
    with_labels, without = in_two_processes(warmup_step, build(warmup_iters=100), kinds)
    assert with_labels['decode.loss_ce'] > 0
    assert not any(value for name, value in without.items() if 'loss' in name)


def test_the_official_teacher_needs_its_own_statistics(build):
    runner = SimpleNamespace(model=build(official=True), hooks=[])
    with pytest.raises(ValueError, match="goes with buffers='own', not 'copy'"):
        EMATeacherHook().before_train(runner)


def test_the_official_teacher_keeps_its_statistics_in_the_warmup(incremental):
    cfg = config(incremental, official=True, warmup_iters=100)
    for part in (cfg.backbone, cfg.decode_head):
        part.norm_cfg = dict(type='BN')
    model = MODELS.build(cfg)
    model.set_teacher(copy_student(model, model.not_in_teacher))
    model.loss(*samples('labeled', 'unlabeled'))
    for network in (model, model.teacher):
        assert network.backbone.stem[1].running_mean.any()


def test_pixels_are_partitioned_less_and_less(build):
    shares = []
    for iteration in (0, 25, 49):
        MessageHub.get_current_instance().update_info('iter', iteration)
        losses = build(denoise=False).loss(*samples('labeled', 'unlabeled'))
        shares.append(losses['unlabeled.used'].item())
    assert shares == pytest.approx([0.6, 0.8, 0.992], abs=0.01)


@pytest.mark.parametrize('official', [False, True])
def test_maps_of_what_it_would_teach(build, official):
    """For a batch whose percentile is that of the same images, the labels are equal."""
    model = build(official=official, denoise=not official)
    images, data = samples('labeled', 'unlabeled', 'unlabeled')
    batch = split_batch(images, data, ['labeled'], ['unlabeled'])
    _, (view,) = model.views(batch)
    teacher_bn = copy.deepcopy(model.teacher.state_dict())
    maps = model.pseudo_label_maps(batch.unlabeled, batch.unlabeled_samples)
    for key, value in model.teacher.state_dict().items():
        assert torch.equal(value, teacher_bn[key])
    assert maps['entropy'].shape == maps['pseudo-label'].shape == (2, *SIZE)
    assert torch.equal(maps['pseudo-label'], view.labels)
    kept = maps['pseudo-label'] != 255
    assert maps['entropy'][kept].max() < maps['entropy'][~kept].min() + 1e-6


def test_threshold_of_pseudo_labels(build):
    """As in the base class, on top of the partition."""
    inputs, data = samples('labeled', 'unlabeled')
    batch = split_batch(inputs, data, ['labeled'], ['unlabeled'])
    _, (every,) = build(denoise=False).views(batch)
    model = build(denoise=False, threshold=0.4)
    _, (sure,) = model.views(batch)
    probable = (
        model.to_size(model.teacher_outputs(batch.unlabeled).logits, batch.unlabeled)
        .softmax(1)
        .amax(1)
        >= 0.4
    )
    assert torch.equal(sure.labels, every.labels.masked_fill(~probable, 255))
    assert not torch.equal(sure.labels, every.labels)


def test_padding_is_in_no_set(build):
    model = build(denoise=False)
    inputs, data = samples('labeled', 'unlabeled')
    data[1].set_metainfo(dict(img_shape=(12, 24)))
    losses = model.loss(inputs, data)
    assert losses['unlabeled.used'].item() == pytest.approx(0.8 / 2, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize('official', [False, True])
def test_training_resumes_exactly(semi, incremental, whole_and_resumed, official):
    """The code's with a teacher that has statistics of its own."""
    parts = config(incremental, official=official)
    semi.model.update({name: parts[name] for name in ('type', 'unreliable', *PARTS)})
    if official:
        semi.model.update(denoise=False, warmup_iters=1)
        semi.custom_hooks[-1].buffers = 'own'
    semi.custom_hooks.append(dict(type='PrototypeMemoryBankHook', report_interval=2))

    (whole, expected), (resumed, got) = whole_and_resumed(semi)
    first = 1 if official else 0
    assert all('contrast.loss_contrast' in each for each in expected.losses[first:])
    assert got.losses == expected.losses[4:]
    for name, value in whole.model.memory_bank.contents().items():
        assert torch.equal(resumed.model.memory_bank.contents()[name], value)
