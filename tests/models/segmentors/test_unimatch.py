"""UniMatch against the authors' numbers (LiheYoung/UniMatch 0324f3d) and equations."""

import copy

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch.testing import assert_close

from mmseg_labelfree.models.losses.pixel_losses import pixel_loss
from mmseg_labelfree.models.segmentors import TeacherView, mix_view
from mmseg_labelfree.ops import pseudo_labels

from ...method_settings import UNIMATCH
from ...reference_inputs import labels, wave


@pytest.fixture
def build(tiny):
    def build(**changes):
        cfg = copy.deepcopy(tiny.model)
        cfg.decode_head.num_classes = 5
        cfg.update(UNIMATCH)
        cfg.update(changes)
        return MODELS.build(cfg)

    return build


def near(found, want, tolerance=1e-8):
    want = torch.tensor(want, dtype=found.dtype)
    assert_close(found, want, rtol=tolerance, atol=tolerance)


def test_authors_numbers(build):
    model = build(unlabeled_weight=1.0)
    own = wave(4, 5, 9, 9, scale=6).requires_grad_()
    dropped = wave(4, 5, 9, 9, phase=1.0).requires_grad_()
    strong = wave(4, 5, 9, 9, phase=0.6).requires_grad_()
    real = labels(2, 9, 9, [0, 0, 0, 0, 1]) != 1
    real_partner = labels(2, 9, 9, [0, 0, 0, 0, 0, 0, 1]) != 1
    images = torch.zeros(2, 3, 9, 9)

    def view(logits, valid):
        found = pseudo_labels(logits.detach(), 0.9, valid)
        return TeacherView(images, found, valid.double())

    weak = view(own[2:], real)
    partner = view(wave(2, 5, 9, 9, phase=0.3, scale=6), real_partner)
    boxes = [[(2, 6, 1, 7), (0, 3, 4, 9)], [(0, 0, 0, 0), (5, 9, 0, 5)]]
    views = []
    for pair in boxes:
        masks = torch.zeros(2, 9, 9, dtype=torch.bool)
        for mask, (top, bottom, left, right) in zip(masks, pair, strict=True):
            mask[top:bottom, left:right] = True
        views.append(mix_view(weak, masks, partner))
    criterion = MODELS.build(dict(type='CrossEntropyLoss', avg_non_ignore=True))
    truth = labels(2, 9, 9, range(5), 11)
    loss_x = pixel_loss(criterion, own[:2], truth)
    loss_s = [
        model.view_loss(part, one)['unlabeled.loss_ce']
        for part, one in zip(strong.tensor_split(2), views, strict=True)
    ]
    loss_fp = model.view_loss(dropped[2:], weak)['unlabeled.loss_ce']
    near(loss_x.detach(), 5.6749411111, 1e-7)
    near(loss_s[0].detach(), 0.7483068791, 1e-7)
    near(loss_s[1].detach(), 0.6780477592, 1e-7)
    near(loss_fp.detach(), 0.8750368165, 1e-7)
    total = 0.5 * loss_x + 0.25 * (sum(loss_s) / 2 + loss_fp)
    near(total.detach(), 3.2345240895, 1e-7)
    total.backward()
    near(strong.grad.norm(), 0.00957397071, 1e-7)
    near(dropped.grad.norm(), 0.0162005309, 1e-7)
    near(own.grad[:2].norm(), 0.0469149986, 1e-7)
    assert not own.grad[2:].any()  # the labels have no gradient
    both = model.unlabeled_loss(strong.detach(), views)['unlabeled.loss_ce']
    near(both, (0.7483068791 + 0.6780477592) / 2, 1e-7)


def batch_of(num, seed=0):
    generator = torch.Generator().manual_seed(seed)
    samples = []
    for index in range(2 * num):
        source = 'labeled' if index < num else 'unlabeled'
        label = torch.randint(0, 5, (1, 24, 24), generator=generator)
        sample = SegDataSample(metainfo=dict(source=source))
        sample.gt_sem_seg = PixelData(data=label if index < num else label * 0 + 255)
        samples.append(sample)
    return torch.randn(2 * num, 3, 24, 24, generator=generator), samples


def test_step_is_the_equations(build):
    """A whole step without chance: no mixing, no colors, no channel dropped."""
    model = build(
        mixing=None, strong_view=None, feature_dropout=0.0, threshold=0.25
    ).double()
    images, samples = batch_of(2)
    images = images.double()
    total = sum(v for k, v in model.loss(images, samples).items() if '.loss_' in k)
    total.backward()
    found = [p.grad.clone() for p in model.parameters()]
    logits = model(images, mode='tensor')
    logits = F.interpolate(logits, (24, 24), mode='bilinear', align_corners=False)
    top, own = logits[2:].softmax(1).max(1)
    truth = torch.cat([s.gt_sem_seg.data for s in samples[:2]])
    pixels = F.cross_entropy(logits[2:], own.detach(), reduction='none')
    unlabeled = (pixels * (top >= 0.25)).mean()
    want = F.cross_entropy(logits[:2], truth) + 0.25 * (unlabeled + unlabeled)
    assert_close(total, want, rtol=1e-6, atol=1e-9)
    model.zero_grad()
    want.backward()
    for one, param in zip(found, model.parameters(), strict=True):
        assert_close(one, param.grad, rtol=1e-5, atol=1e-9)


def test_step_with_hard_pixels_and_a_label_for_every_pixel(build, tiny):
    """Cityscapes: OHEM of the labeled images, no least confidence."""
    head = copy.deepcopy(tiny.model.decode_head)
    sampler = dict(type='HardPixelSampler', thresh=0.15, min_kept=400)
    loss = dict(type='CrossEntropyLoss', avg_non_ignore=False, loss_weight=0.5)
    head.update(num_classes=5, sampler=sampler, loss_decode=loss)
    model = build(
        decode_head=head,
        mixing=None,
        strong_view=None,
        feature_dropout=0.0,
        threshold=0,
    ).double()
    images, samples = batch_of(2)
    images = images.double()
    samples[3].set_metainfo(dict(img_shape=(24, 18)))  # the rest is padding
    losses = model.loss(images, samples)
    total = sum(value for name, value in losses.items() if '.loss_' in name)
    logits = model(images, mode='tensor')
    logits = F.interpolate(logits, (24, 24), mode='bilinear', align_corners=False)
    truth = torch.cat([s.gt_sem_seg.data for s in samples[:2]])
    pixels = F.cross_entropy(logits[:2], truth, reduction='none').flatten()
    probability = pixels.neg().exp()
    limit = max(0.15, probability.sort().values[399])
    labeled = pixels[probability <= limit]
    assert 400 <= len(labeled) < len(pixels)
    own = logits[2:].argmax(1)
    own[1, :, 18:] = 255
    unlabeled = F.cross_entropy(logits[2:], own, ignore_index=255)
    want = 0.5 * labeled.mean() + 0.25 * (unlabeled + unlabeled)
    assert_close(total, want, rtol=1e-6, atol=1e-9)
    assert losses['unlabeled.used'] == (own != 255).double().mean()


def step_of(model, rows):
    """Losses and gradients of a step without chance on some rows of a batch."""
    images, samples = batch_of(4)
    losses = model.loss(images[rows], [samples[row] for row in rows])
    sum(v for k, v in losses.items() if '.loss_' in k).backward()
    grads = torch.cat([p.grad.flatten() for p in model.parameters()])
    return {k: v.item() for k, v in losses.items()}, grads.numpy()


def step_of_a_process(model):
    return step_of(model, [[0, 1, 4, 5], [2, 3, 6, 7]][dist.get_rank()])


@pytest.mark.slow
def test_two_processes_equal_one(build, in_two_processes):
    model = build(mixing=None, strong_view=None, feature_dropout=0.0, threshold=0.25)
    parts = in_two_processes(step_of_a_process, model)
    losses, grads = step_of(model, [*range(8)])
    assert losses['unlabeled.used'] > 0
    for name, value in losses.items():
        mean = sum(part[0][name] for part in parts) / 2
        assert mean == pytest.approx(value, rel=1e-4), name
    mean = sum(part[1] for part in parts) / 2
    np.testing.assert_allclose(mean, grads, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize('kind', ['UniMatch', 'MeanTeacher'])
def test_boxes_keep_the_colors_of_their_image(kind, build):
    model = build(type=f'{kind}EncoderDecoder', mixing_prob=1.0, num_strong_views=1)
    model.strong_view = lambda images, _: images + torch.eye(3)[..., None, None]
    images = torch.arange(3.0).view(3, 1, 1, 1).expand(3, 3, 24, 24)
    weak = TeacherView(images, torch.zeros(3, 24, 24, dtype=torch.long))
    labeled = TeacherView(images[:0], weak.labels[:0])
    (view,) = model.strong_views(weak, labeled)
    source = view.images.amin(1).long()  # image by its number, color by its channel
    color = (view.images - source[:, None]).argmax(1)
    place = torch.arange(3).view(3, 1, 1).expand(3, 24, 24)
    assert (source != place).any()
    assert torch.equal(color, source if kind == 'UniMatch' else place)


def test_dropped_views_lose_whole_channels(build):
    model = build(threshold=0.0, feature_dropout=0.9)
    seen = []
    model.decode_head.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    model.loss(*batch_of(2))
    for level in seen[0]:
        plain, dropped = level.tensor_split(2)
        gone = (dropped == 0).flatten(2).all(2)
        kept = ~gone & (plain != 0).flatten(2).any(2)
        assert gone.float().mean() > 0.7
        assert_close(dropped[kept], plain[kept] / 0.1)


def test_batches_without_labels_or_without_unlabeled_images(build):
    model = build()
    images, samples = batch_of(2)
    assert set(model.loss(images[:2], samples[:2])) == {
        'decode.loss_ce',
        'decode.acc_seg',
    }
    losses = model.loss(images[2:], samples[2:])
    total = sum(v for k, v in losses.items() if '.loss_' in k)
    total.backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize(('num', 'partner'), [(1, 'unlabeled'), (2, 'labeled')])
def test_boxes_of_labeled_images(build, num, partner):
    """Their colors change, too, and their padding does not count."""
    model = build(
        mixing_prob=1.0,
        mixing_partner=partner,
        strong_view=dict(jitter_prob=0.0, grayscale_prob=1.0, blur_prob=0.0),
    )
    images = torch.randn(2 * num, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    truth = torch.ones(num, 24, 24, dtype=torch.long)
    truth[:, :, 6::2] = 255
    weak = TeacherView(images[num:], truth * 0 + 2, torch.ones(num, 24, 24))
    labeled = TeacherView(images[:num], truth)
    mixed = model.mixed(weak, labeled)
    pasted = mixed.labels != 2
    assert 0 < pasted.sum() < pasted.numel()
    assert torch.equal(mixed.labels[pasted], truth[pasted])
    gray = torch.where(
        pasted[:, None],
        model.recolored(labeled).images,
        model.recolored(weak).images,
    )
    assert_close(mixed.images, gray)
    assert torch.equal(mixed.weights, (mixed.labels != 255).float())


def test_warmup_learns_from_labels_alone(build):
    model = build(threshold=0.0, warmup_iters=10)
    images, samples = batch_of(2)
    losses = model.loss(images, samples)
    assert {key.partition('.')[0] for key in losses} == {'decode'}
    losses = model.loss(images[2:], samples[2:])
    total, _ = model.parse_losses(losses)
    assert total == 0 and losses['unlabeled.used'] == 0
    total.backward()
    assert all(p.grad is not None for p in model.parameters())


def test_its_labels_can_be_looked_at(build):
    model = build(threshold=0.0).train()
    images, samples = batch_of(2)
    maps = model.pseudo_label_maps(images[2:], samples[2:])
    assert maps['pseudo-label'].shape == maps['entropy'].shape == (2, 24, 24)
    assert model.training


def test_wrong_settings_are_refused(build):
    with pytest.raises(ValueError, match='feature_dropout=1.5 must be a number'):
        build(feature_dropout=1.5)
    with pytest.raises(ValueError, match="student_passes='per_source' is not"):
        build(student_passes='per_source')
    for key, value in (('teacher_mode', 'train'), ('confidence_weight', 'image')):
        with pytest.raises(ValueError, match=f'UniMatch has no {key}={value!r}: '):
            build(**{key: value})


@pytest.mark.slow
def test_resumed_is_whole(semi, whole_and_resumed):
    for name in ('mixing', 'mixing_prob', 'strong_view'):
        semi.model.pop(name)
    semi.model.update(UNIMATCH, threshold=0.3)
    semi.custom_hooks = [h for h in semi.custom_hooks if h.type != 'EMATeacherHook']
    semi.val_cfg = dict(type='ValLoop')
    (whole, _), (resumed, _) = whole_and_resumed(semi)
    state = resumed.model.state_dict()
    for key, value in whole.model.state_dict().items():
        assert torch.equal(value, state[key]), key
    assert isinstance(whole, Runner)
