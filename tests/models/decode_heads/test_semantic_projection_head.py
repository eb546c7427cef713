import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.runner.checkpoint import get_state_dict
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_labelfree.models.layers.semantic_projection import SemanticProjection
from mmseg_labelfree.models.utils.recording import recorded_inputs

CLASSES = ['a', 'b', 'c', 'd']
UNSEEN = ['b', 'd']
VECTORS = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
FCN = dict(
    type='FCNHead',
    in_channels=5,
    channels=3,
    num_convs=1,
    norm_cfg=dict(type='BN'),
    dropout_ratio=0.0,
)
DEEPLAB = dict(type='DeepLabV2Head', in_channels=5, in_index=0, dilations=(1, 2))


def build(head=FCN, **kwargs):
    torch.manual_seed(0)
    settings = dict(embeddings=VECTORS, classes=CLASSES, unseen=UNSEEN)
    head = MODELS.build(
        dict(type='SemanticProjectionHead', head=head, **{**settings, **kwargs})
    )
    head.init_weights()
    for parameter in head.conv_seg.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return head


def samples(labels):
    return [SegDataSample(gt_sem_seg=PixelData(data=x[None])) for x in labels]


@pytest.mark.parametrize('inner', [FCN, DEEPLAB], ids=['FCNHead', 'DeepLabV2Head'])
def test_scores_are_products_of_embeddings_and_vectors(inner):
    head = build(inner)
    unit = torch.from_numpy(VECTORS)
    unit = unit / unit.norm(dim=1, keepdim=True)
    x = torch.randn(2, 5, 4, 7)
    with recorded_inputs(head.conv_seg) as features:
        got = head([x])
    pixels = head.conv_seg.embed(features[0])
    assert pixels.shape == (2, 6, 4, 7)
    expected = torch.einsum('cd,ndhw->nchw', unit, pixels)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
    assert head.num_classes == head.out_channels == 4
    assert not head.conv_seg.vectors.requires_grad


def test_gradients_are_those_of_the_two_maps():
    head = build()
    x = torch.randn(2, 3, 4, 4)
    weight = torch.randn(2, 4, 4, 4)
    layer = head.conv_seg
    (layer(x) * weight).sum().backward()
    got = [layer.embed.weight.grad.clone(), layer.embed.bias.grad.clone()]
    layer.zero_grad()
    two = torch.einsum('cd,ndhw->nchw', layer.vectors, layer.embed(x))
    (two * weight).sum().backward()
    torch.testing.assert_close(got[0], layer.embed.weight.grad, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(got[1], layer.embed.bias.grad, rtol=1e-4, atol=1e-5)


def test_class_sets_switch_at_run_time():
    head = build().eval()
    x = [torch.randn(1, 5, 3, 3)]
    everything = head(x)
    with head.using('unseen') as classes:
        assert classes.tolist() == [1, 3] and head.class_set == 'unseen'
        torch.testing.assert_close(head(x), everything[:, [1, 3]])
        with head.using('seen') as classes:
            assert classes.tolist() == [0, 2]
            torch.testing.assert_close(head(x), everything[:, [0, 2]])
        assert head.class_set == 'unseen'
    assert head.class_set == 'all' and torch.equal(head(x), everything)
    head.class_set = 'seen'
    assert head(x).shape[1] == 2
    with head.using('all') as classes:
        assert classes.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize('size', ['image', 'logits'])
def test_loss_over_the_seen_classes_is_equation_2(size):
    loss = dict(type='UnbiasedCrossEntropyLoss', num_old_classes=1, avg_non_ignore=True)
    head = build(dict(FCN, loss_decode=loss), train_classes='seen', loss_size=size)
    x = torch.randn(2, 5, 4, 4)
    labels = torch.tensor([0, 2, 254, 255])[torch.randint(0, 4, (2, 8, 8))]
    labels[0, :2] = 1  # outside the set: no loss either
    got = head.loss([x], samples(labels), None)
    with head.using('seen'):
        logits = head([x])
    if size == 'image':
        logits = F.interpolate(logits, (8, 8), mode='bilinear')
    else:
        places = [0, 2, 5, 7]  # of 0, 7 / 3, 14 / 3, 7
        labels = labels[:, places][..., places]
    total, count = 0.0, 0
    for n, y, z in np.ndindex(*labels.shape):
        label = int(labels[n, y, z])
        if label in (0, 2):
            scores = logits[n, :, y, z].detach().double().exp()
            total -= float((scores[label // 2] / scores.sum()).log())
            count += 1
    (value,) = [v for k, v in got.items() if k.startswith('loss_')]
    assert value.item() == pytest.approx(total / count, rel=1e-4)
    assert 'acc_seg' in got and head.class_set == 'all'


def test_several_losses_weights_and_samplers():
    losses = [
        dict(type='CrossEntropyLoss', loss_name='loss_a'),
        dict(type='CrossEntropyLoss', loss_name='loss_a', loss_weight=2.0),
        dict(type='CrossEntropyLoss', loss_name='loss_b'),
    ]
    head = build(dict(FCN, loss_decode=losses))
    x, labels = torch.randn(1, 5, 4, 4), torch.randint(0, 4, (1, 4, 4))
    logits = head([x])
    once = head.loss_by_feat(logits, samples(labels))
    torch.testing.assert_close(once['loss_a'], 3 * once['loss_b'])
    twice = head.loss_by_feat(logits, samples(labels), torch.full((1, 4, 4), 2.0))
    torch.testing.assert_close(twice['loss_b'], 2 * once['loss_b'])

    hard = build(dict(FCN, sampler=dict(type='OHEMPixelSampler', min_kept=2)))
    each = F.cross_entropy(logits, labels, reduction='none').flatten()
    expected = each.topk(2).values.sum() / 16
    value = hard.loss_by_feat(logits, samples(labels))['loss_ce']
    torch.testing.assert_close(value, expected)
    weight = torch.full((1, 4, 4), 3.0)
    value = hard.loss_by_feat(logits, samples(labels), weight)['loss_ce']
    torch.testing.assert_close(value, 3 * expected)


def test_prediction_over_one_set_keeps_the_labels():
    head = build(test_classes='unseen').eval()
    meta = [dict(img_shape=(8, 8))]
    x = [torch.randn(1, 5, 4, 4)]
    scores = head.predict(x, meta, {})
    assert scores.shape == (1, 4, 8, 8)
    full = F.interpolate(head(x), (8, 8), mode='bilinear')
    assert torch.equal(scores.argmax(1), 1 + 2 * full[:, [1, 3]].argmax(1))
    # Windows that overlap are added up.
    again = F.interpolate(99 * scores, (5, 5), mode='bilinear')
    assert again.isfinite().all()
    torch.testing.assert_close(scores.softmax(1)[:, 0], torch.zeros(1, 8, 8))


def test_a_stock_head_loads_the_checkpoint():
    head = build()
    head([torch.randn(4, 5, 6, 6)])  # running statistics
    head.eval()
    stock = MODELS.build(dict(FCN, num_classes=4)).eval()
    for state in (head.state_dict(), get_state_dict(head)):
        assert not any(k.startswith('head.') or 'vectors' in k for k in state)
        result = stock.load_state_dict(state, strict=False)
        assert not result.missing_keys
        assert sorted(result.unexpected_keys) == [
            'conv_seg.embed.bias',
            'conv_seg.embed.weight',
        ]
        x = [torch.randn(2, 5, 6, 6)]
        torch.testing.assert_close(stock(x), head(x))


def test_weights_survive_a_round_trip():
    head = build()
    other = build(embeddings=VECTORS.copy())
    for parameter in other.parameters():
        torch.nn.init.zeros_(parameter)
    result = other.load_state_dict(head.state_dict())
    assert not result.missing_keys and not result.unexpected_keys
    x = [torch.randn(2, 5, 3, 3)]
    assert torch.equal(other.eval()(x), head.eval()(x))
    clone = copy.deepcopy(head)
    assert torch.equal(clone(x), head(x))
    with pytest.raises(RuntimeError, match='Missing key'):
        other.load_state_dict({})


def test_other_embeddings_do_not_pass_for_the_same():
    state = build().state_dict()
    for vectors in (VECTORS[::-1].copy(), VECTORS[:, :5]):
        with pytest.raises(RuntimeError, match='other class embeddings or classes'):
            build(embeddings=vectors).load_state_dict(state)
    with pytest.raises(RuntimeError, match='has 3 classes of 6 numbers, the checkp'):
        smaller = build(embeddings=VECTORS[:3], classes=CLASSES[:3], unseen=['b'])
        smaller.load_state_dict(state)


def test_kernels_are_multiplied_in_float32_under_autocast():
    head = build(DEEPLAB).eval()
    x = torch.randn(1, 5, 6, 6)
    exact = head([x])
    with torch.autocast('cpu', torch.bfloat16):
        low = head([x])
    assert low.dtype == torch.bfloat16
    assert (low.float() - exact).abs().max() < 0.02 * exact.abs().max()
    assert isinstance(head.conv_seg, SemanticProjection)
    assert '4 classes, 6 numbers each' in repr(head)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(unseen=['x']), r"unseen names \['x'\], which are not in"),
        (dict(num_classes=7), 'num_classes=7, but `classes` has 4 names'),
        (dict(train_classes='old'), "class_set='old' is unknown"),
        (dict(unseen=[], test_classes='unseen'), 'there are no unseen classes'),
        (dict(loss_size='half'), "loss_size='half' is unknown"),
        (dict(embeddings=VECTORS[:2]), r'4 classes need \(4, D\)'),
    ],
)
def test_mistakes(settings, message):
    with pytest.raises(ValueError, match=message):
        build(**settings)
