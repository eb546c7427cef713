"""UniMatch V2 against the authors' numbers (LiheYoung/UniMatch-V2) and equations."""

import copy
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch.testing import assert_close

from mmseg_labelfree.models.losses.pixel_losses import pixel_loss
from mmseg_labelfree.models.segmentors import TeacherView, mix_view
from mmseg_labelfree.models.teachers import copy_student
from mmseg_labelfree.ops import (
    draw_complementary_factors,
    mixing_masks,
    pseudo_labels,
)

from ...method_settings import UNIMATCH_V2
from ...reference_inputs import labels, wave

CONFIGS = Path(__file__).parents[3] / 'configs/unimatch_v2'
VIT = dict(
    backbone=dict(
        type='DINOVisionTransformer',
        arch=dict(embed_dims=16, num_layers=4, num_heads=2, feedforward_channels=32),
        img_size=42,
        patch_size=14,
        layer_scale_init_value=1.0,
        out_indices=(0, 1, 2, 3),
        out_type='featmap',
    ),
    decode_head=dict(
        type='PatchDPTHead',
        in_channels=[16] * 4,
        in_index=[0, 1, 2, 3],
        level_channels=[4, 4, 4, 4],
        channels=8,
        num_classes=5,
        dropout_ratio=0.0,
        align_corners=True,
        init_cfg=None,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True, loss_weight=0.5),
    ),
    data_preprocessor=dict(
        type='SegDataPreProcessor', mean=[120.0] * 3, std=[60.0] * 3
    ),
)


def build(**changes):
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy({**UNIMATCH_V2, **VIT, **changes}))
    model.set_teacher(copy_student(model, model.not_in_teacher))
    return model


def near(found, want):
    assert_close(found, torch.tensor(want, dtype=found.dtype), rtol=1e-7, atol=1e-8)


def test_authors_numbers():
    """The batch backwards as partners: each of two images has the other one."""
    model = build()
    teacher = wave(2, 5, 9, 9, phase=0.3, scale=6)
    strong = wave(4, 5, 9, 9, phase=0.6).requires_grad_()
    real = labels(2, 9, 9, [0, 0, 0, 0, 1]) != 1
    found = pseudo_labels(teacher, 0.9, real)
    weak = TeacherView(torch.zeros(2, 3, 9, 9), found, real.double())
    boxes = [[(2, 6, 1, 7), (0, 3, 4, 9)], [(0, 0, 0, 0), (5, 9, 0, 5)]]
    views = []
    for pair in boxes:
        masks = torch.zeros(2, 9, 9, dtype=torch.bool)
        for mask, (top, bottom, left, right) in zip(masks, pair, strict=True):
            mask[top:bottom, left:right] = True
        views.append(mix_view(weak, masks))
    each = [
        2 * model.view_loss(part, view)['unlabeled.loss_ce']
        for part, view in zip(strong.detach().tensor_split(2), views, strict=True)
    ]
    near(each[0], 0.1188936384)
    near(each[1], 1.7585823779)
    criterion = MODELS.build(dict(type='CrossEntropyLoss', avg_non_ignore=True))
    truth = labels(2, 9, 9, range(5), 11)
    loss_x = pixel_loss(criterion, wave(2, 5, 9, 9, scale=6), truth)
    near(loss_x, 5.6749411111)
    losses = model.unlabeled_loss(strong, views)
    total = loss_x / 2 + losses['unlabeled.loss_ce']
    near(total.detach(), 3.3068395596)
    total.backward()
    near(strong.grad.norm(), 0.0185006172)
    near(strong.grad.flatten()[:2], [0.000376915963, 0.00053482158])


def batch_of(num_labeled, num_unlabeled, side=42):
    generator = torch.Generator().manual_seed(4)
    kinds = ['labeled'] * num_labeled + ['unlabeled'] * num_unlabeled
    samples = []
    for index, source in enumerate(kinds):
        label = torch.randint(0, 5, (1, side, side), generator=generator)
        label[:, index] = 255
        shape = (side, side) if source == 'labeled' else (side - 6, side - 3 * index)
        sample = SegDataSample(metainfo=dict(source=source, img_shape=shape))
        label = label if source == 'labeled' else torch.full_like(label, 255)
        sample.gt_sem_seg = PixelData(data=label)
        samples.append(sample)
    return torch.randn(len(kinds), 3, side, side, generator=generator), samples


def enlarged(logits, images):
    size = images.shape[2:]
    return F.interpolate(logits, size, mode='bilinear', align_corners=True)


def literal_loss(model, images, samples, masks, factors):
    """One iteration as the authors' script does it, pass by pass."""
    num = sum(sample.metainfo['source'] == 'labeled' for sample in samples)
    labeled, weak = images[:num], images[num:]
    padding = torch.ones(len(weak), *images.shape[2:], dtype=torch.bool)
    for mask, sample in zip(padding, samples[num:], strict=True):
        height, width = sample.metainfo['img_shape']
        mask[:height, :width] = False
    with torch.no_grad():
        teacher = model.teacher
        logits = enlarged(teacher.decode_head(teacher.extract_feat(weak)), weak)
        confidence, label = logits.softmax(1).max(1)
    views = []
    for mask in masks:
        parts = []
        for values in (weak, label, confidence, padding):
            partner = torch.stack([*values[1:], values[0]])
            parts.append(
                torch.where(mask[:, None] if values is weak else mask, partner, values)
            )
        views.append(parts)
    levels = model.extract_feat(torch.cat([view[0] for view in views]))
    thinned = [x * f[:, :, None, None] for x, f in zip(levels, factors, strict=True)]
    predictions = enlarged(model.decode_head(thinned), weak).chunk(2)
    truth = torch.cat([sample.gt_sem_seg.data for sample in samples[:num]])
    labeled_logits = enlarged(model.decode_head(model.extract_feat(labeled)), weak)
    loss_x = F.cross_entropy(labeled_logits, truth, ignore_index=255)
    loss_s = []
    for prediction, (_, target, sure, padded) in zip(predictions, views, strict=True):
        pixels = F.cross_entropy(prediction, target, reduction='none')
        used = (sure >= model.threshold) & ~padded
        loss_s.append((pixels * used).sum() / (~padded).sum())
    return (loss_x + sum(loss_s) / 2) / 2


@pytest.mark.parametrize('unlabeled', [2, 3])
def test_step_is_the_authors_step(unlabeled):
    """Labels, mixing, padding and lost channels of a whole step; colors left out."""
    model = build(strong_view=None, threshold=0.3, mixing_prob=1.0).double().train()
    model.teacher.double().decode_head.conv_seg.weight.mul_(40)  # surer than it is
    images, samples = batch_of(2, unlabeled)
    images = images.double()
    torch.manual_seed(5)
    losses = model.loss(images, samples)
    total = sum(value for name, value in losses.items() if '.loss_' in name)
    total.backward()
    found = [p.grad.clone() for p in model.parameters()]
    assert 0.05 < losses['unlabeled.used'] < 0.95
    torch.manual_seed(5)
    size = torch.zeros(unlabeled, 42, 42, dtype=torch.long)
    masks = [mixing_masks('cutmix', size, 1.0, True, (0.02, 0.4)) for _ in range(2)]
    factors = draw_complementary_factors(unlabeled, [16] * 4)
    want = literal_loss(model, images, samples, masks, factors)
    assert_close(total, want, rtol=1e-5, atol=1e-9)
    model.zero_grad()
    want.backward()
    for one, parameter in zip(found, model.parameters(), strict=True):
        assert_close(one, parameter.grad, rtol=1e-5, atol=1e-9)


def test_each_view_keeps_what_the_other_loses():
    model = build(threshold=0.0, masked_view=dict(block_size=8))
    seen = {}
    model.decode_head.register_forward_pre_hook(lambda _, x: seen.update(thinned=x[0]))
    extract = model.extract_feat
    model.extract_feat = lambda x: seen.setdefault('whole', extract(x))
    model.loss(*batch_of(2, 4))
    for whole, thinned in zip(seen['whole'], seen['thinned'], strict=True):
        assert torch.equal(whole[:2], thinned[:2])  # labeled
        assert torch.equal(whole[10:], thinned[10:])  # hidden blocks
        gone = (thinned[2:10] == 0).flatten(2).all(2)
        first, second = gone.tensor_split(2)
        untouched = ~(first | second).any(1)
        assert untouched.sum() == 2
        assert torch.equal(first[~untouched], ~second[~untouched])
        assert torch.equal(whole[2:6][untouched], thinned[2:6][untouched])
        doubled = ~(gone | untouched.repeat(2)[:, None])
        assert_close(thinned[2:10][doubled], 2 * whole[2:10][doubled])


def test_an_image_without_a_confident_pixel_counts_in_the_average():
    model = build(confidence_weight='image', confidence_threshold=0.9, threshold=0.0)
    teacher = wave(2, 5, 9, 9)
    teacher[0, 1] += 30
    teacher[1] /= 30  # no pixel reaches 0.9
    real = labels(2, 9, 9, [0, 0, 0, 0, 1]) != 1
    weights = model.pixel_weights(teacher, real).double()
    view = TeacherView(
        torch.zeros(2, 3, 9, 9), pseudo_labels(teacher, 0.0, real), weights
    )
    strong = wave(2, 5, 9, 9, phase=0.6)
    loss = model.view_loss(strong, view)['unlabeled.loss_ce']
    pixels = F.cross_entropy(strong[:1], view.labels[:1], ignore_index=255)
    assert_close(loss, 0.5 * pixels * real[0].sum() / real.sum())


def test_batches_of_one_kind():
    model = build()
    images, samples = batch_of(2, 2)
    assert set(model.loss(images[:2], samples[:2])) == {
        'decode.loss_ce',
        'decode.acc_seg',
    }
    losses = model.loss(images[2:], samples[2:])
    sum(v for k, v in losses.items() if '.loss_' in k).backward()
    assert all(p.grad is not None for p in model.parameters())
    model = build(warmup_iters=10)
    losses = model.loss(images[2:], samples[2:])
    assert losses['unlabeled.loss_ce'] == 0


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match='untouched=1.5 must be a number'):
        build(untouched=1.5)
    with pytest.raises(ValueError, match='num_strong_views=3 is not possible'):
        build(num_strong_views=3)
    with pytest.raises(ValueError, match="student_passes='per_source'"):
        build(student_passes='per_source')


def test_published_network_trains_and_is_a_stock_one():
    """DINOv2's ViT-S with random weights on crops of 5 x 5 patches."""
    cfg = Config.fromfile(CONFIGS / 'dpt_dinov2-s_voc-classic_92.py').model
    cfg.backbone.init_cfg = None
    cfg.threshold = 0.0
    model = MODELS.build(cfg)
    model.set_teacher(copy_student(model, model.not_in_teacher))
    images, samples = batch_of(1, 2, side=70)
    losses = model.loss(images, samples)
    sum(v for k, v in losses.items() if '.loss_' in k).backward()
    assert all(p.grad is not None for p in model.parameters())
    names = 'data_preprocessor', 'backbone', 'decode_head', 'train_cfg', 'test_cfg'
    stock = MODELS.build(
        dict(type='EncoderDecoder', **{name: cfg[name] for name in names})
    )
    stock.load_state_dict(model.state_dict())
    for network in (stock, model):
        network.eval()
    with torch.no_grad():
        assert torch.equal(stock(images), model(images))
        data = dict(inputs=[torch.zeros(3, 60, 83)], data_samples=[SegDataSample()])
        data['data_samples'][0].set_metainfo(
            dict(ori_shape=(60, 83), img_shape=(60, 83))
        )
        (result,) = stock.test_step(data)
    assert result.pred_sem_seg.data.shape == (1, 60, 83)


@pytest.mark.slow
def test_resumed_is_whole(unimatch_v2, whole_and_resumed):
    (whole, _), (resumed, _) = whole_and_resumed(unimatch_v2)
    for one, other in (
        (whole.model, resumed.model),
        (whole.model.teacher, resumed.model.teacher),
    ):
        state = other.state_dict()
        for key, value in one.state_dict().items():
            assert torch.equal(value, state[key]), key
