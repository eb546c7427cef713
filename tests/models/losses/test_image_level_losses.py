"""The losses of training from image labels."""

import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch.testing import assert_close

from mmseg_labelfree.models.losses.pixel_losses import head_losses, pixel_loss
from mmseg_labelfree.ops import affinity_loss, affinity_targets, image_presence_loss


def build(kind, **settings):
    return MODELS.build(dict(type=kind, **settings))


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def batch(generator):
    logits = torch.randn(2, 4, 6, 7, dtype=torch.double, generator=generator)
    label = torch.randint(0, 4, (2, 6, 7), generator=generator)
    label[:, 3] = 255
    return logits.requires_grad_(), label


def halves(logits, label):
    """Mean over background and mean over objects, each by mmseg's cross-entropy."""
    stock = build('CrossEntropyLoss', avg_non_ignore=True)
    background = label.masked_fill(label != 0, 255)
    objects = label.masked_fill(label == 0, 255)
    parts = [stock(logits, x, ignore_index=255) for x in (background, objects)]
    return 0.5 * sum(parts)


def test_balanced_loss_is_half_of_each_kind(batch):
    logits, label = batch
    found = build('BalancedCrossEntropyLoss', loss_weight=3.0)(logits, label)
    want = 3 * halves(logits, label)
    assert_close(found, want)
    assert_close(torch.autograd.grad(found, logits), torch.autograd.grad(want, logits))


def test_balanced_loss_by_strips_of_small_logits(batch):
    logits, label = batch
    large = label.repeat_interleave(4, 1).repeat_interleave(4, 2)
    found = pixel_loss(build('BalancedCrossEntropyLoss'), logits, large)
    enlarged = F.interpolate(logits, large.shape[1:], mode='bilinear')
    want = halves(enlarged, large)
    assert_close(found, want)
    assert_close(torch.autograd.grad(found, logits), torch.autograd.grad(want, logits))


def test_gradcheck_of_the_balanced_loss(batch):
    logits, label = batch
    loss = build('BalancedCrossEntropyLoss')
    assert torch.autograd.gradcheck(lambda x: loss(x, label), logits)


@pytest.mark.parametrize('value', [0, 2, 255])
def test_a_batch_of_one_kind_or_none(batch, value):
    logits, label = batch
    loss = build('BalancedCrossEntropyLoss')(logits, torch.full_like(label, value))
    loss.backward()
    if value == 255:
        assert loss == 0
        assert not logits.grad.any()
    else:
        want = F.cross_entropy(logits, torch.full_like(label, value)) / 2
        assert_close(loss, want)


def test_the_balanced_loss_has_its_own_denominators():
    with pytest.raises(
        ValueError, match='BalancedCrossEntropyLoss has no avg_non_ignor'
    ):
        build('BalancedCrossEntropyLoss', avg_non_ignore=True)


def test_classifier_loss_by_loops(generator):
    logits = torch.randn(3, 4, dtype=torch.double, generator=generator)
    labels = torch.rand(3, 4, generator=generator) < 0.5
    want = 0.0
    for x, y in zip(logits.flatten(), labels.flatten(), strict=True):
        p = x.sigmoid()
        want -= (p if y else 1 - p).log() / 12
    loss = build('MultiLabelSoftMarginLoss', loss_weight=0.5)
    assert_close(loss(logits, labels), 0.5 * want)
    assert torch.autograd.gradcheck(lambda x: loss(x, labels), logits.requires_grad_())


def test_classifier_loss_of_half_precision():
    logits = torch.full((1, 2), 30.0, dtype=torch.float16, requires_grad=True)
    loss = build('MultiLabelSoftMarginLoss')(logits, torch.tensor([[True, False]]))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(15.0)


def test_labels_of_another_number_of_classes():
    loss = build('MultiLabelSoftMarginLoss')
    with pytest.raises(
        ValueError, match=r'shape \(2, 20\).*got torch.bool of shape \(2, 4'
    ):
        loss(torch.zeros(2, 20), torch.ones(2, 4, dtype=torch.bool))


def test_affinity_loss_has_a_factor(generator):
    affinity = torch.rand(2, 6, 6, generator=generator)
    targets = affinity_targets(torch.randint(0, 2, (2, 2, 3), generator=generator))
    found = build('AffinityLoss', loss_weight=0.1)(affinity, targets)
    assert_close(found, 0.1 * affinity_loss(affinity, targets))


def test_presence_is_that_of_the_label_map_or_the_whole_image(batch):
    logits, _ = batch
    label = torch.full((2, 6, 7), 254)
    label[0, 1, 1] = 2
    label[1, 0, 0] = 3
    present = torch.tensor([[1, 0, 1, 0], [1, 0, 0, 1]]).bool()
    want = image_presence_loss(logits, label, present).mean()
    assert_close(build('ImagePresenceLoss', classes='crop')(logits, label), want)
    samples = [SegDataSample(metainfo=dict(image_classes=c)) for c in ([2], [3, 9])]
    whole = build('ImagePresenceLoss')
    assert_close(whole.of_samples(samples)(logits, torch.full_like(label, 254)), want)
    with pytest.raises(ValueError, match="set classes='crop'"):
        whole(logits, label)
    present[:, 0] = False
    want = 0.5 * image_presence_loss(logits, label, present).mean()
    found = build(
        'ImagePresenceLoss', classes='crop', background=False, loss_weight=0.5
    )
    assert_close(found(logits, label), want)


def test_presence_of_the_whole_image_beside_its_points(batch):
    """Img Lvl + PCE: the crop has lost the only point of class 3."""
    logits, label = batch[0].detach(), torch.full((2, 12, 14), 254)
    label[0, 1, 1] = 2
    head = FCNHead(
        in_channels=4,
        channels=4,
        num_convs=0,
        num_classes=4,
        concat_input=False,
        norm_cfg=None,
        loss_decode=[
            dict(type='ImagePresenceLoss'),
            dict(type='PartialCrossEntropyLoss'),
        ],
    )
    samples = []
    for x, classes in zip(label, ([2], [3]), strict=True):
        metainfo = dict(img_path='a.jpg', image_classes=classes)
        points = PixelData(data=x[None])
        samples.append(SegDataSample(metainfo=metainfo, gt_sem_seg=points))
    found = head_losses(head, logits, samples)
    present = torch.tensor([[1, 0, 1, 0], [1, 0, 0, 1]]).bool()
    enlarged = F.interpolate(logits, (12, 14), mode='bilinear')
    want = image_presence_loss(enlarged, label, present).mean()
    assert_close(found['loss_image_presence'], want)
    assert found['loss_partial_ce'] > 0


def test_presence_refuses_what_it_has_not(batch):
    logits, label = batch
    with pytest.raises(ValueError, match='set use_sigmoid=False'):
        build('ImagePresenceLoss', use_sigmoid=True)
    with pytest.raises(ValueError, match='take the pixel sampler out'):
        build('ImagePresenceLoss')(logits, label, weight=torch.ones(2, 6, 7))
