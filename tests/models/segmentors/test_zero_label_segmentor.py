import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_labelfree.models.utils import PseudoLabelGenerator
from mmseg_labelfree.ops.consistency import view_set

CLASSES = ['a', 'b', 'c', 'd', 'e']
UNSEEN = ['d', 'e']


def config(**kwargs):
    norm_cfg = dict(type='GN', num_groups=2)
    loss = dict(type='UnbiasedCrossEntropyLoss', num_old_classes=1, avg_non_ignore=True)
    return dict(
        type='ZeroLabelEncoderDecoder',
        backbone=dict(
            type='ResNetV1c',
            depth=18,
            stem_channels=8,
            base_channels=4,
            strides=(1, 1, 1, 1),
            norm_cfg=norm_cfg,
        ),
        decode_head=dict(
            type='SemanticProjectionHead',
            embeddings=np.random.default_rng(0).normal(size=(5, 7)),
            classes=CLASSES,
            unseen=UNSEEN,
            head=dict(
                type='FCNHead',
                in_channels=32,
                channels=8,
                num_convs=1,
                norm_cfg=norm_cfg,
                dropout_ratio=0.0,
                loss_decode=loss,
            ),
        ),
        train_cfg=dict(),
        test_cfg=ConfigDict(mode='whole'),
        **kwargs,
    )


def build(**kwargs):
    torch.manual_seed(1)
    model = MODELS.build(config(**kwargs))
    for parameter in model.decode_head.conv_seg.parameters():
        torch.nn.init.normal_(parameter)
    return model


def teacher():
    torch.manual_seed(2)
    model = build()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model.eval()


def batch(seed=0):
    torch.manual_seed(seed)
    images = torch.randn(2, 3, 24, 17)
    labels = torch.tensor([0, 1, 2, 254, 255])[torch.randint(0, 5, (2, 24, 17))]
    return images, labels


def samples(labels):
    return [SegDataSample(gt_sem_seg=PixelData(data=x[None])) for x in labels]


def scores_of(model, images):
    """Scores of all classes at the size of the images."""
    logits = model.decode_head(model.extract_feat(images))
    return F.interpolate(logits, images.shape[2:], mode='bilinear')


@torch.no_grad()
def slow_pseudo_labels(model, images, labels, background=None):
    """One view, pixel by pixel: the best unseen class where there is no label."""
    scores = scores_of(model, images)
    filled = labels.clone()
    for n, y, x in np.ndindex(*labels.shape):
        if labels[n, y, x] in (254, background):
            filled[n, y, x] = 3 + int(scores[n, 3:, y, x].argmax())
    return filled


@pytest.mark.parametrize('background', [None, 0])
def test_generator_fills_only_unlabeled_pixels(background):
    images, labels = batch()
    model = teacher()
    before = labels.clone()
    got = PseudoLabelGenerator('none')(model, images, labels, background)
    assert torch.equal(got, slow_pseudo_labels(model, images, labels, background))
    assert torch.equal(labels, before) and model.decode_head.class_set == 'all'


@torch.no_grad()
def slow_consistent_labels(model, images, labels, views, background):
    """View by view, pixel by pixel: the best unseen class, the same in all views."""
    maps = []
    for scale, flip in views:
        size = [round(side * scale) for side in images.shape[2:]]
        view = F.interpolate(images, size, mode='bilinear')
        view = view[..., list(range(size[1]))[::-1]] if flip else view
        scores = model.decode_head(model.extract_feat(view))[:, 3:]
        columns = list(range(scores.shape[3]))
        scores = scores[..., columns[::-1]] if flip else scores
        maps.append(F.interpolate(scores, images.shape[2:], mode='bilinear'))
    filled = labels.clone()
    for n, y, x in np.ndindex(*labels.shape):
        best = {int(scores[n, :, y, x].argmax()) for scores in maps}
        if labels[n, y, x] in (254, background) and len(best) == 1:
            filled[n, y, x] = 3 + best.pop()
    return filled


@pytest.mark.parametrize('background', [None, 0])
@pytest.mark.parametrize('name', ['mirror', 'mirror+down', 'mirror+up'])
def test_generator_equals_the_slow_reference_bit_for_bit(name, background):
    images, labels = batch()
    model = teacher()
    got = PseudoLabelGenerator(name)(model, images, labels, background)
    views = view_set(name).draw()
    expected = slow_consistent_labels(model, images, labels, views, background)
    assert torch.equal(got, expected)
    empty = (labels == 254) | (labels == background)
    assert (got == labels)[empty].any() and (got != labels)[empty].any()


@torch.no_grad()
@pytest.mark.parametrize('percent', [10, 50, 100])
def test_top_percent_keeps_the_most_probable(percent):
    images, labels = batch()
    model = teacher()
    got = PseudoLabelGenerator('none', top_percent=percent)(model, images, labels)
    probability, best = scores_of(model, images).softmax(1).max(1)
    candidates = [
        (float(probability[i]), i)
        for i in np.ndindex(*labels.shape)
        if labels[i] == 254 and int(best[i]) >= 3
    ]
    values = [p for p, _ in candidates]
    least = np.percentile(np.array(values, np.float64), 100 - percent)
    expected = labels.clone()
    for p, i in candidates:
        if p >= np.float32(least):
            expected[i] = best[i]
    assert torch.equal(got, expected)
    share = (got != labels).sum().item() / len(candidates)
    assert share == pytest.approx(percent / 100, abs=2 / len(candidates))


def test_generator_mistakes():
    with pytest.raises(ValueError, match='top_percent must be in 0 to 100, not 0'):
        PseudoLabelGenerator('none', top_percent=0)
    with pytest.raises(ValueError, match="set views='none'"):
        PseudoLabelGenerator('mirror', top_percent=10)


@pytest.mark.parametrize('weight', [1.0, 0.3])
def test_loss_is_equation_4(weight):
    model = build(generator=dict(views='none'), pseudo_weight=weight)
    model.set_teacher(teacher())
    images, labels = batch()
    losses = model.loss(images, samples(labels))
    filled = slow_pseudo_labels(model.teacher, images, labels)
    log = scores_of(model, images).detach().double().log_softmax(1)
    seen = pseudo = 0.0
    for n, y, x in np.ndindex(*labels.shape):
        label = int(filled[n, y, x])
        if label < 3:
            seen -= float(log[n, label, y, x])
        elif label < 5:
            pseudo -= float(log[n, label, y, x])
    count = int((filled < 254).sum())
    (value,) = [v for k, v in losses.items() if 'loss_' in k]
    assert value.item() == pytest.approx((seen + weight * pseudo) / count, rel=1e-4)
    share = (labels == 254).float().mean()
    torch.testing.assert_close(losses['pseudo.share'], share)
    total, _ = model.parse_losses(losses)
    total.backward()
    assert all(p.grad is None for p in model.teacher.parameters())
    assert model.decode_head.conv_seg.embed.weight.grad.any()


def test_labels_from_files_cost_the_same_as_labels_made_online():
    online = build(generator=dict(views='mirror+up'), pseudo_weight=0.5)
    online.set_teacher(teacher())
    offline = build(pseudo_weight=0.5)
    images, labels = batch()
    filled = PseudoLabelGenerator('mirror+up')(online.teacher, images, labels)
    first = online.loss(images, samples(labels))
    second = offline.loss(images, samples(filled))
    assert first.keys() == second.keys()
    for key, value in first.items():
        assert torch.equal(value, second[key]), key


def test_spnet_trains_on_seen_classes_and_stays_a_stock_checkpoint():
    model = build()
    model.decode_head.train_classes = 'seen'
    images, labels = batch()
    losses = model.loss(images, samples(labels))
    with model.decode_head.using('seen'):
        logits = scores_of(model, images)
    target = labels.masked_fill(labels == 254, 255)
    expected = F.cross_entropy(logits, target, ignore_index=255)
    (value,) = [v for k, v in losses.items() if 'loss_' in k]
    torch.testing.assert_close(value, expected)
    assert 'pseudo.share' not in losses

    stock = copy.deepcopy(config())
    stock.update(
        type='EncoderDecoder',
        decode_head=dict(
            stock['decode_head']['head'],
            num_classes=5,
            loss_decode=dict(type='CrossEntropyLoss'),
        ),
    )
    plain = MODELS.build(stock).eval()
    assert not plain.load_state_dict(model.state_dict(), strict=False).missing_keys
    with torch.no_grad():
        torch.testing.assert_close(
            plain(images, mode='tensor'), model.eval()(images, mode='tensor')
        )


def test_the_head_works_in_a_stock_segmentor():
    cfg = dict(config(), type='EncoderDecoder')
    cfg['test_cfg'] = ConfigDict(mode='slide', crop_size=(16, 16), stride=(8, 8))
    model = MODELS.build(cfg)
    images, labels = batch()
    total, _ = model.parse_losses(model.loss(images, samples(labels)))
    total.backward()
    assert model.decode_head.conv_seg.embed.weight.grad.any()
    (first, _) = model.eval().predict(images)
    assert first.seg_logits.data.shape == (5, 24, 17)
    assert first.pred_sem_seg.data.max() < 5


def test_calibration_moves_seen_pixels_to_unseen_classes():
    images, _ = batch()
    model = build().eval()
    with torch.no_grad():
        plain = torch.cat([p.pred_sem_seg.data for p in model.predict(images)])
        probability = scores_of(model, images).softmax(1)
        model.test_cfg['gamma'] = 0.35
        samples = model.predict(images)
    got = torch.cat([p.pred_sem_seg.data for p in samples])
    calibrated = torch.stack([p.seg_logits.data for p in samples]).softmax(1)
    raised = probability + torch.tensor([0, 0, 0, 0.35, 0.35]).view(-1, 1, 1)
    torch.testing.assert_close(calibrated, raised / raised.sum(1, keepdim=True))
    for n, y, x in np.ndindex(*got.shape):
        scores = probability[n, :, y, x].tolist()
        scores = [s - 0.35 if c < 3 else s for c, s in enumerate(scores)]
        assert got[n, y, x] == int(np.argmax(scores))
    assert (plain < 3).sum() > (got < 3).sum() > 0


def test_an_auxiliary_head_learns_the_same_labels():
    head = dict(config()['decode_head'])
    model = build(auxiliary_head=head)
    images, labels = batch()
    losses = model.loss(images, samples(labels))
    assert any(k.startswith('aux.loss_') for k in losses)
    sum(v for k, v in losses.items() if 'loss_' in k).backward()
    assert model.auxiliary_head.conv_seg.embed.weight.grad.any()


def test_mistakes():
    cfg = config()
    cfg['decode_head'] = dict(
        type='FCNHead', in_channels=32, channels=8, num_convs=1, num_classes=5
    )
    with pytest.raises(ValueError, match='needs a SemanticProjectionHead'):
        MODELS.build(cfg)
    model = build(generator=dict(views='none'))
    images, labels = batch()
    with pytest.raises(AttributeError, match='ZeroLabelEncoderDecoder has no teacher'):
        model.loss(images, samples(labels))
    cfg = config(pseudo_weight=0.5)
    cfg['decode_head']['head']['loss_decode'] = dict(type='DiceLoss')
    with pytest.raises(ValueError, match='pseudo_weight weighs pixels, which DiceLoss'):
        MODELS.build(cfg)
