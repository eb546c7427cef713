"""Both losses of weakly labeled images, the partial one being a part of the other."""

import math
from functools import partial

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.models import FCNHead
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_labelfree.models.losses import (
    PartialCrossEntropyLoss,
    UnlabeledSetCrossEntropyLoss,
)
from mmseg_labelfree.models.losses.pixel_losses import head_losses

OfCrop = partial(UnlabeledSetCrossEntropyLoss, unlabeled_classes='crop')


@pytest.fixture
def batch():
    """Three images: points of two classes, of one, none at all."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 5, 4, 6, generator=generator, dtype=torch.float64)
    label = torch.full((3, 4, 6), 254)
    label[:, 0] = 255
    label[0, 1, 1], label[0, 2, 4], label[0, 3, 3] = 1, 1, 4
    label[1, 3, 0] = 2
    return logits.requires_grad_(), label


def expected(logits, label, gamma, sets):
    """Eq. 13 of each image by loops over its pixels, then the mean over images."""
    q = logits.detach().softmax(1)
    total = 0.0
    for n, members in enumerate(sets):
        labeled, unlabeled = [], []
        for i in range(label.shape[1]):
            for j in range(label.shape[2]):
                value, p = int(label[n, i, j]), q[n, :, i, j]
                if value == 254:
                    unlabeled.append(-math.log(sum(float(p[k]) for k in members)))
                elif value != 255:
                    labeled.append(-math.log(float(p[value])))
        total += sum(labeled) / max(len(labeled), 1)
        total += gamma * sum(unlabeled) / max(len(unlabeled), 1)
    return total / len(sets)


@pytest.mark.parametrize(
    'settings, gamma, sets',
    [
        (dict(), 1.0, [(0, 1, 4), (0, 2), (0,)]),
        (dict(gamma=0.3), 0.3, [(0, 1, 4), (0, 2), (0,)]),
        (dict(unlabeled_classes='background', gamma=2), 2, [(0,), (0,), (0,)]),
        (dict(gamma=0), 0, [(0,), (0,), (0,)]),
    ],
)
def test_equation_13(batch, settings, gamma, sets):
    loss = OfCrop(**settings)(*batch)
    assert loss.item() == pytest.approx(expected(*batch, gamma, sets), rel=1e-9)
    weighted = OfCrop(loss_weight=2.5, **settings)(*batch)
    assert weighted.item() == pytest.approx(2.5 * loss.item())


def test_equation_12_is_equation_13_without_its_second_term(batch):
    partial = PartialCrossEntropyLoss()(*batch)
    want = expected(*batch, 0, [(0,)] * 3)
    assert partial.item() == pytest.approx(want, rel=1e-9)
    (grad,) = torch.autograd.grad(partial, batch[0])
    assert (grad.movedim(1, -1)[batch[1] >= 254] == 0).all()
    other = OfCrop(gamma=0)(*batch)
    torch.testing.assert_close(torch.autograd.grad(other, batch[0])[0], grad)


def test_scene_parsing_has_no_background_and_may_have_an_empty_set(batch):
    loss = OfCrop(background=False)
    (classes,) = loss.maps(batch[1], batch[0].shape[1])
    assert classes.sum((1, 2, 3)).tolist() == [2, 1, 0]
    # The third image costs nothing, but counts in the mean over the images.
    value = loss(*batch)
    want = 2 / 3 * expected(batch[0][:2], batch[1][:2], 1, [(1, 4), (2,)])
    assert value.item() == pytest.approx(want, rel=1e-9)
    (grad,) = torch.autograd.grad(value, batch[0])
    assert (grad[2] == 0).all()


@pytest.mark.parametrize(
    'loss',
    [
        PartialCrossEntropyLoss(),
        OfCrop(),
        OfCrop(background=False),
    ],
)
@pytest.mark.parametrize('value', [254, 255, 3])
def test_uniform_label_maps_are_finite(batch, loss, value):
    logits, label = batch
    result = loss(logits, torch.full_like(label, value))
    (grad,) = torch.autograd.grad(result, logits)
    assert result.isfinite() and grad.isfinite().all()
    if value == 255:
        assert result == 0 and not grad.any()


def test_weights_and_reductions(batch):
    logits, label = batch
    loss = OfCrop(gamma=0.5, loss_weight=2)
    pixels = loss(logits, label, reduction_override='none')
    ones = OfCrop()(logits, label, reduction_override='none')
    torch.testing.assert_close(pixels, torch.where(label == 254, 1.0, 2.0) * ones)
    weight = torch.rand(label.shape, generator=torch.Generator().manual_seed(1))
    got = loss(logits, label, weight, reduction_override='sum')
    torch.testing.assert_close(got, (weight * pixels).sum())
    got = loss(logits, label, weight, avg_factor=7)
    torch.testing.assert_close(got, (weight * pixels).sum() / 7)
    torch.testing.assert_close(
        loss(logits, label, torch.full(label.shape, 3.0)), 3 * loss(logits, label)
    )
    other = torch.where(label == 255, 77, label)
    torch.testing.assert_close(loss(logits, other, ignore_index=77), loss(*batch))


def with_classes(label, classes):
    """Data samples of these label maps and the classes of their images."""
    samples = []
    for labels, present in zip(label, classes, strict=True):
        sample = SegDataSample(gt_sem_seg=PixelData(data=labels[None]))
        sample.set_metainfo(dict(img_path='a.jpg', image_classes=present))
        samples.append(sample)
    return samples


@pytest.mark.parametrize('background', [True, False])
def test_classes_of_the_image_outlive_the_crop(batch, background):
    logits, label = batch
    sets = [(1, 3, 4), (2,), (1, 9)]  # class 9 has no output
    samples = with_classes(label, sets)
    loss = UnlabeledSetCrossEntropyLoss(background=background).of_samples(samples)
    known = [({0} if background else set()) | set(s) - {9} for s in sets]
    assert loss(*batch).item() == pytest.approx(expected(*batch, 1, known), rel=1e-9)
    head = FCNHead(
        in_channels=5,
        channels=5,
        num_convs=0,
        num_classes=5,
        concat_input=False,
        norm_cfg=None,
        loss_decode=dict(type='UnlabeledSetCrossEntropyLoss', background=background),
    )
    found = head_losses(head, logits.detach(), samples)
    torch.testing.assert_close(found['loss_unlabeled_set_ce'], loss(*batch).detach())
    # Without the classes of the images it says so, and so does a stock segmentor.
    with pytest.raises(ValueError, match='StripedEncoderDecoder'):
        head.loss_by_feat(logits, samples)
    samples[1].set_metainfo(dict(img_path='b.jpg'))
    del samples[1].image_classes
    with pytest.raises(ValueError, match=r"b\.jpg: .*'image_classes'.* meta_keys"):
        head_losses(head, logits, samples)
    crop = OfCrop()
    assert crop.of_samples(samples) is crop


def test_bad_settings():
    for settings, message in (
        (dict(gamma=-1), 'gamma=-1 must be'),
        (dict(gamma=math.nan), 'gamma=nan must be'),
        (dict(unlabeled_classes='photo'), "'photo' is unknown; use one of 'image'"),
        (dict(unlabeled_classes='background', background=False), 'background=True'),
    ):
        with pytest.raises(ValueError, match=message):
            UnlabeledSetCrossEntropyLoss(**settings)
    for loss in (PartialCrossEntropyLoss, UnlabeledSetCrossEntropyLoss):
        with pytest.raises(ValueError, match=f'{loss.__name__} has no avg_non_ignore'):
            loss(avg_non_ignore=True)


@pytest.mark.parametrize(
    'model, loss, weak',
    [
        (
            'StripedEncoderDecoder',
            dict(type='UnlabeledSetCrossEntropyLoss'),
            dict(type='SimulatePoints', radius=2),
        ),
        (
            'EncoderDecoder',
            dict(type='UnlabeledSetCrossEntropyLoss', unlabeled_classes='crop'),
            dict(type='SimulatePoints', radius=2),
        ),
        (
            'EncoderDecoder',
            dict(type='PartialCrossEntropyLoss'),
            dict(type='SimulateScribbles'),
        ),
    ],
)
def test_segmentors_learn_from_weak_labels(boxes_root, tmp_path, model, loss, weak):
    cfg = Config.fromfile(_write_config(boxes_root, tmp_path, model, loss, weak))
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert type(runner.model).__name__ == model
    name = MODELS.build(loss).loss_name
    values = runner.message_hub.get_scalar(f'train/decode.{name}').data[0]
    assert len(values) == 40
    assert values[-10:].mean() < 0.93 * values[:10].mean()


def _write_config(root, tmp_path, model, loss, weak):
    path = tmp_path / 'weak.py'
    path.write_text(f"""
default_scope = 'mmseg'
custom_imports = dict(imports=['mmseg_labelfree'], allow_failed_imports=False)
experiment_name = '{loss['type']}_{model}'
work_dir = r'{tmp_path / 'work'}'
randomness = dict(seed=0)
norm_cfg = dict(type='GN', num_groups=2)
model = dict(
    type='{model}',
    data_preprocessor=dict(
        type='SegDataPreProcessor', mean=[100.0] * 3, std=[60.0] * 3,
        bgr_to_rgb=True, size=(24, 24), seg_pad_val=255),
    backbone=dict(
        type='ResNetV1c', depth=18, stem_channels=8, base_channels=4,
        strides=(1, 1, 1, 1), norm_cfg=norm_cfg),
    decode_head=dict(
        type='FCNHead', in_channels=32, channels=8, num_convs=1, dropout_ratio=0.0,
        num_classes=5, norm_cfg=norm_cfg, loss_decode=dict(**{loss})),
    train_cfg=dict(), test_cfg=dict(mode='whole'))
train_dataloader = dict(
    batch_size=4, num_workers=0, sampler=dict(type='SeededInfiniteSampler'),
    dataset=dict(
        type='BaseSegDataset', data_root=r'{root}',
        metainfo=dict(classes=('background', 'square', 'bar', 'dot', 'frame')),
        ann_file='ImageSets/Segmentation/train.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        pipeline=[
            dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'),
            dict(**{weak}),
            dict(type='RandomResize', scale=(32, 32), ratio_range=(0.8, 1.2)),
            dict(type='RandomCrop', crop_size=(24, 24), cat_max_ratio=1.0),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackSegInputs', meta_keys=('img_path', 'image_classes'))]))
train_cfg = dict(type='IterBasedTrainLoop', max_iters=40)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9))
log_processor = dict(by_epoch=False)
""")
    return path
