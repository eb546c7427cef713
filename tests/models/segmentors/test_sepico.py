"""SePiCo's DistCL: a whole step by its definition, crops, resume, two processes."""

import copy

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from mmengine.logging import MessageHub
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn

from mmseg_labelfree.models.segmentors import TargetCrop, real_pixels, split_batch
from mmseg_labelfree.models.teachers import copy_student

from ...method_settings import CROSS_DOMAIN

SIZE, C, D, T = (64, 64), 5, 6, 0.5
MIT = dict(
    type='OriginalMixVisionTransformer',
    embed_dims=8,
    num_layers=[1, 1, 1, 1],
    num_heads=[1, 2, 5, 8],
    sr_ratios=[2, 2, 1, 1],
    drop_path_rate=0.0,
)
HEAD = dict(
    type='DAFormerHead',
    in_channels=[8, 16, 40, 64],
    in_index=[0, 1, 2, 3],
    channels=8,
    embed_dims=8,
    num_classes=C,
    dropout_ratio=0.0,
    norm_cfg=dict(type='BN'),
    loss_decode=dict(type='CrossEntropyLoss'),
)
SEPICO = dict(
    type='SePiCoEncoderDecoder',
    labeled_sources=('source',),
    unlabeled_sources=('target',),
    ignore_rows=(4, 8),
    **CROSS_DOMAIN,
    representation_head=dict(
        type='MultiLevelRepresentationHead', in_channels=[8, 16, 40, 64], channels=D
    ),
    class_statistics=dict(type='ClassStatistics', num_classes=C, channels=D),
    contrastive_loss=dict(
        type='DistributionContrastiveLoss', temperature=T, min_ratio=0.5
    ),
)


def build(**changes):
    torch.manual_seed(0)
    model = MODELS.build(dict(dict(backbone=MIT, decode_head=HEAD), **SEPICO) | changes)
    model.init_weights()
    teacher = copy_student(model, model.not_in_teacher)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for p in teacher.parameters():
            p += 0.1 * torch.randn(p.shape, generator=generator)
    model.set_teacher(teacher)
    return model.train()


def samples(*sources, seed=0, size=SIZE):
    """Random images with labels in blocks of 16 x 16; targets have 255 alone."""
    generator = torch.Generator().manual_seed(seed)
    data = []
    for source in sources:
        blocks = (1, size[0] // 16, size[1] // 16)
        label = torch.randint(0, C, blocks, generator=generator)
        label = label.repeat_interleave(16, 1).repeat_interleave(16, 2)
        label[:, :, :2] = 255
        if source == 'target':
            label.fill_(255)
        sample = SegDataSample(gt_sem_seg=PixelData(data=label))
        sample.set_metainfo(dict(source=source, img_shape=size))
        data.append(sample)
    images = torch.randn(len(sources), 3, *blocks[1:], generator=generator)
    images = F.interpolate(images, size) + 0.3 * torch.randn(
        len(sources), 3, *size, generator=generator
    )
    return images, data


@pytest.fixture
def iteration(monkeypatch):
    """Set the iteration of the training."""

    def set_iteration(number):
        hub = MessageHub.get_current_instance()
        monkeypatch.setitem(hub.runtime_info, 'iter', number)

    return set_iteration


def seen_by(network):
    """Images that a network is called with from now on."""
    seen = []
    network.backbone.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    return seen


def embed(network, images):
    """The projection of the concatenated levels, of length 1."""
    levels = network.extract_feat(images)
    size = levels[0].shape[2:]
    x = torch.cat([F.interpolate(level, size, mode='bilinear') for level in levels], 1)
    head = network.representation_head
    for block in (head.first, head.second):
        x = F.relu(block.bn(F.conv2d(x, block.conv.weight)))
    return x / x.norm(dim=1, keepdim=True).clamp(min=1e-12)


def logits_of(network, images):
    features = network.extract_feat(images)
    return F.interpolate(network.decode_head(features), SIZE, mode='bilinear')


def shrunk(label):
    """The label that at least half of a window of 4 x 4 has."""
    small = torch.full((len(label), 16, 16), 255)
    for n, y, x in np.ndindex(*small.shape):
        window = label[n, 4 * y : 4 * y + 4, 4 * x : 4 * x + 4].flatten().tolist()
        best = max(sorted(set(window)), key=window.count)
        if window.count(best) >= 8:
            small[n, y, x] = best
    return small


def rows(maps, where):
    return maps.permute(0, 2, 3, 1)[where]


def contrast(z, label, mean, variance):
    """Loss of each labeled pixel, and the authors' regularizer."""
    z, y = rows(z, label != 255), label[label != 255]
    logits = (z @ mean.T + 0.5 * z**2 @ variance.T / T) / T
    own = 0.5 * (z**2 * variance[y]).sum(1) / T**2
    loss = (F.cross_entropy(logits, y, reduction='none') + own).mean()
    return loss + (z.mean(0) @ mean.T / T).log_softmax(0).sum() / (C * np.log(C))


def test_a_step_by_its_definition():
    """Each loss, and the gradient of their sum by every parameter, in float64."""
    model = build().double()
    model.teacher.double()
    inputs, data = samples('source', 'target', 'source', 'target')
    inputs = inputs.double()
    before = F.normalize(torch.rand(1, D, 4, 5).double(), dim=1)
    known = torch.arange(20).view(1, 4, 5) % 3
    model.class_statistics.update(before, known)
    student, teacher = copy.deepcopy(model), copy.deepcopy(model.teacher)
    seen = seen_by(model)
    losses = model.loss(inputs, data)
    assert set(losses) == {
        *('decode.loss_ce', 'decode.acc_seg', 'unlabeled.loss_ce', 'unlabeled.used'),
        *('source.loss_contrast', 'target.loss_contrast'),
    }
    x_s, x_t = inputs[[0, 2]], inputs[[1, 3]]
    truth = torch.cat([data[i].gt_sem_seg.data for i in (0, 2)])
    with torch.no_grad():
        for module in teacher.modules():
            module.training = isinstance(module, (nn.BatchNorm2d, nn.LayerNorm))
        small = shrunk(truth)
        z = embed(teacher, x_s)
        means, variances = [], []
        for c in range(C):
            every = torch.cat([rows(before, known == c), rows(z, small == c)])
            means.append(every.mean(0))
            variances.append(((every - every.mean(0)) ** 2).mean(0))
        mean, variance = torch.stack(means), torch.stack(variances)
        p, pseudo = logits_of(teacher, x_t).softmax(1).max(1)
        q = (p >= 0.3).double().mean()
        assert 0 < q < 1
        pseudo[:, :4] = pseudo[:, -8:] = 255
    assert torch.equal(seen[0], x_s) and torch.equal(seen[2], x_t) and len(seen) == 3
    mixed = seen[1]
    pasted = (mixed != x_t).any(1)
    label, weight = truth.where(pasted, pseudo), torch.where(pasted, 1.0, q)
    pixels = F.cross_entropy(
        logits_of(student, mixed), label, ignore_index=255, reduction='none'
    )
    source = F.cross_entropy(
        logits_of(student, x_s), truth, ignore_index=255, reduction='none'
    )
    target = shrunk(pseudo)
    assert (target != 255).sum() > 20
    expected = {
        'decode.loss_ce': source.mean(),
        'unlabeled.loss_ce': (weight * pixels).mean(),
        'source.loss_contrast': contrast(embed(student, x_s), small, mean, variance),
        'target.loss_contrast': contrast(embed(student, x_t), target, mean, variance),
    }
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value, rtol=1e-7, atol=1e-9, msg=name)
    torch.testing.assert_close(model.class_statistics.means, mean)
    torch.testing.assert_close(model.class_statistics.variances, variance)
    total = sum(losses[name] for name in expected)
    found = torch.autograd.grad(total, [*model.parameters()])
    wanted = torch.autograd.grad(sum(expected.values()), [*student.parameters()])
    names = [name for name, _ in model.named_parameters()]
    for name, got, want in zip(names, found, wanted, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-9, msg=name)


def test_the_statistics_begin_before_the_contrast(iteration):
    model = build(contrast_start=3)
    batch = samples('source', 'target')
    for number, contrast in ((0, False), (2, False), (3, True)):
        iteration(number)
        counts = model.class_statistics.counts.clone()
        losses = model.loss(*batch)
        assert ('target.loss_contrast' in losses) == contrast
        assert (model.class_statistics.counts >= counts).all()
        assert model.class_statistics.counts.sum() > counts.sum()


@pytest.mark.parametrize('start', [0, 5])
@pytest.mark.parametrize(
    'sources', [('source', 'target'), ('source', 'source'), ('target', 'target')]
)
def test_all_parameters_get_finite_gradients(iteration, start, sources):
    iteration(0)
    model = build(contrast_start=start, warmup_iters=int(start > 0))
    for seed in range(2):
        total, _ = model.parse_losses(model.loss(*samples(*sources, seed=seed)))
        total.backward()
    assert torch.isfinite(total)
    for name, p in model.named_parameters():
        assert p.grad is not None and torch.isfinite(p.grad).all(), name


def test_teacher_sees_own_colors_and_one_draw_decides_of_the_others():
    strong_view = dict(
        jitter_prob=0.5, grayscale_prob=0.0, blur_prob=0.0, whole_batch=True
    )
    model = build(strong_view=strong_view, masked_view=dict(block_size=16))
    inputs, data = samples('source', 'target')
    inputs = inputs.sigmoid() - 0.5
    by_teacher = seen_by(model.teacher)
    model.strong_view.value_range = 1.0
    changed = []
    for seed in range(6):
        torch.manual_seed(seed)
        batch = split_batch(inputs, data, ('source',), ('target',))
        source, (_, mixed, target) = model.views(batch)
        alike = torch.allclose(source.images, inputs[:1].clamp(0), atol=1e-6)
        assert alike == torch.allclose(target.images, inputs[1:].clamp(0), atol=1e-6)
        own = mixed.images - inputs[1:].clamp(0)
        assert (
            alike
            == (own.abs().amax(1) < 1e-6)
            .logical_or((mixed.images - inputs[:1].clamp(0)).abs().amax(1) < 1e-6)
            .all()
        )
        changed.append(not alike)
    assert any(changed) and not all(changed)
    assert all(torch.equal(x, inputs[:1]) for x in by_teacher[::2])


def test_target_is_cropped_where_no_class_prevails():
    """Whole targets, and sources that are padded to their size."""
    model = build(target_crop=dict(size=SIZE, max_share=0.6), strong_view=None)
    inputs, data = samples('source', 'target', size=(64, 192))
    inputs[0, :, :, 64:] = 0
    data[0].gt_sem_seg.data[:, :, 64:] = 255
    labels = torch.zeros(1, 64, 192, dtype=torch.long)
    labels[:, :, 100:] = torch.arange(92) % 2
    model.pseudo_labels = lambda *_: (labels, None)
    starts = set()
    for seed in range(20):
        torch.manual_seed(seed)
        batch = model.take_apart(inputs, data)
        assert torch.equal(batch.labeled, inputs[:1, :, :, :64])
        assert torch.equal(batch.truth(), data[0].gt_sem_seg.data[:, :, :64])
        places = [
            start
            for start in range(129)
            if torch.equal(batch.unlabeled, inputs[1:, :, :, start : start + 64])
        ]
        starts.update(places)
    assert len(starts) > 5 and min(starts) > 60


def test_padding_of_whole_targets_is_no_image_in_their_crops():
    """Targets of several sizes, which the preprocessor or the pipeline pads."""
    model = build(target_crop=dict(size=SIZE), strong_view=None)
    inputs, data = samples('source', 'target', 'target', size=(64, 96))
    data[1].set_metainfo(dict(img_shape=(64, 48)))
    padding = torch.zeros(1, 64, 96, dtype=torch.bool)
    padding[:, :, 48:] = True
    data[2].set_data(dict(padding=PixelData(data=padding)))
    inputs[1:, :, :, 48:] = 9.0
    for seed in range(5):
        torch.manual_seed(seed)
        batch = model.take_apart(inputs, data)
        real = real_pixels(batch.unlabeled, batch.unlabeled_samples)
        assert torch.equal(real, (batch.unlabeled != 9).all(1)) and not real.all()


def test_a_step_on_whole_targets():
    model = build(target_crop=dict(size=SIZE))
    losses = model.loss(*samples('source', 'target', 'target', size=(64, 128)))
    assert losses['target.loss_contrast'] != 0
    with pytest.raises(ValueError, match='smaller than crops of'):
        build(target_crop=dict(size=(96, 96))).loss(*samples('source', 'target'))
    with pytest.raises(ValueError, match='max_share=1.5 must be'):
        TargetCrop((2, 2), max_share=1.5)


def test_nothing_of_it_is_in_the_teacher_or_in_the_weights():
    model = build()
    assert model.teacher.class_statistics is None
    assert not any('statistics' in name for name in model.state_dict())


def test_parts_that_do_not_fit():
    with pytest.raises(ValueError, match=r'set class_statistics.num_classes=5'):
        build(class_statistics=dict(SEPICO['class_statistics'], num_classes=4))
    with pytest.raises(ValueError, match="set student_passes='joint'"):
        build(labeled_sources=('source', 'other'))
    losses = build(student_passes='joint').loss(*samples('target', 'source'))
    assert torch.isfinite(losses['source.loss_contrast'])


def step_of(model, inputs, data):
    losses = model.loss(inputs, data)
    total, _ = model.parse_losses(losses)
    total.backward()
    grads = [p.grad.flatten() for p in model.parameters()]
    moments = [x.numpy() for x in model.class_statistics.contents().values()]
    losses = {k: v.item() for k, v in losses.items()}
    return losses, torch.cat(grads)[::20].numpy(), moments


def step_of_a_process(model, inputs, data):
    index = [[0, 1, 4, 5], [2, 3, 6, 7]][dist.get_rank()]
    return step_of(model, inputs[index], [data[i] for i in index])


@pytest.mark.slow
def test_two_processes_equal_one(in_two_processes):
    """Statistics, contrast and regularizer are those of all images."""
    norm = dict(type='GN', num_groups=2)
    model = build(
        decode_head=dict(HEAD, norm_cfg=norm),
        representation_head=dict(SEPICO['representation_head'], norm_cfg=norm),
        mixing=None,
        mixing_classes='image',
    )
    inputs, data = samples(*['source'] * 4, *['target'] * 4)
    parts = in_two_processes(step_of_a_process, model, inputs, data)
    losses, grads, moments = step_of(model, inputs, data)
    assert parts[0][0]['source.loss_contrast'] != parts[1][0]['source.loss_contrast']
    for name, value in losses.items():
        mean = sum(part[0][name] for part in parts) / 2
        assert mean == pytest.approx(value, rel=1e-4), name
    np.testing.assert_allclose(
        sum(part[1] for part in parts) / 2, grads, rtol=1e-3, atol=1e-5
    )
    for first, second, whole in zip(parts[0][2], parts[1][2], moments, strict=True):
        assert np.array_equal(first, second)
        np.testing.assert_allclose(first, whole, rtol=1e-5, atol=1e-7)


@pytest.mark.slow
def test_training_resumes_exactly(semi, whole_and_resumed):
    settings = copy.deepcopy(SEPICO)
    settings.update(
        labeled_sources=('labeled',),
        unlabeled_sources=('unlabeled',),
        ignore_rows=(2, 4),
        contrast_start=2,
    )
    semi.model.decode_head = HEAD
    semi.model.pop('mixing_prob')
    semi.model.backbone = MIT
    semi.model.update(settings)
    semi.custom_hooks[-1].update(momentum=0.9, buffers='own')
    semi.custom_hooks.append(dict(type='ClassStatisticsHook'))
    (whole, expected), (resumed, got) = whole_and_resumed(semi)
    assert 'target.loss_contrast' in got.losses[0]
    assert got.losses == expected.losses[4:]
    for each in ('state_dict', 'class_statistics'):
        states = (
            getattr(model, each)() if each == 'state_dict' else getattr(model, each)
            for model in (whole.model, resumed.model)
        )
        first, second = (
            dict(s) if isinstance(s, dict) else dict(s.named_buffers()) for s in states
        )
        assert all(torch.equal(value, second[name]) for name, value in first.items())
