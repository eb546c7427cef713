import copy
import os

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import ConfigDict
from mmengine.logging import MessageHub
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_labelfree.models.segmentors import ActivationView
from mmseg_labelfree.models.utils import image_colors
from mmseg_labelfree.models.utils.recording import recorded_outputs

SIZE = (64, 64)
MODEL = dict(
    type='ImageLevelEncoderDecoder',
    image_head=dict(type='ImageLabelHead', in_channels=32, num_classes=4),
    pseudo_labels=dict(
        background_low=0.3,
        background_high=0.5,
        refinement=dict(dilations=(1, 2), iterations=2),
        radius=2,
    ),
    classifier_iters=2,
    propagation_begin=4,
)
LOSS = dict(type='BalancedCrossEntropyLoss', loss_weight=0.1)
TRANSFORMER = dict(
    backbone=dict(
        type='OriginalMixVisionTransformer',
        embed_dims=8,
        num_layers=[1, 1, 1, 2],
        num_heads=[1, 2, 2, 4],
        strides=[4, 2, 2, 1],
        drop_path_rate=0.1,
    ),
    decode_head=dict(
        type='DAFormerHead',
        in_channels=[8, 16, 16, 32],
        in_index=[0, 1, 2, 3],
        channels=8,
        embed_dims=8,
        fusion='conv',
        deepest_first=True,
        num_classes=5,
        norm_cfg=dict(type='BN'),
        loss_decode=LOSS,
    ),
    affinity=dict(type='AttentionAffinity', in_channels=8),
    affinity_loss=dict(type='AffinityLoss', loss_weight=0.1),
)
CONTRAST = dict(
    type='ImageLevelU2PLEncoderDecoder',
    representation_head=dict(
        type='RepresentationHead',
        in_channels=32,
        channels=6,
        norm_cfg=dict(type='GN', num_groups=2),
        dropout_ratio=0.0,
    ),
    memory_bank=dict(
        type='PrototypeMemoryBank',
        num_classes=4,
        channels=6,
        length=60,
        background_length=None,
    ),
    contrastive_loss=dict(
        type='ActivationContrastiveLoss',
        num_anchors=8,
        num_negatives=4,
        loss_weight=0.1,
    ),
)


def at_iteration(number):
    MessageHub.get_current_instance().update_info('iter', number)


@pytest.fixture
def build(tiny):
    def build(transformer=True, contrast=False, **kwargs):
        torch.manual_seed(0)
        cfg = dict(copy.deepcopy(tiny.model), **copy.deepcopy(MODEL))
        cfg['decode_head']['loss_decode'] = LOSS
        if transformer:
            cfg.update(copy.deepcopy(TRANSFORMER))
        if contrast:
            cfg.update(copy.deepcopy(CONTRAST))
        cfg.update(kwargs)
        model = MODELS.build(cfg)
        model.init_weights()
        return model

    return build


def samples(num=2, size=SIZE, **metainfo):
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(num, 3, *size, generator=generator)
    rows = np.array([[1, 0, 1, 0], [0, 1, 0, 0], [1, 1, 0, 1]], bool)[:num]
    metainfo = dict(img_shape=size, ori_shape=size) | metainfo
    return images, [
        SegDataSample(metainfo=dict(metainfo, image_labels=r)) for r in rows
    ]


STAGES = {
    0: {'image.loss_image_labels', 'decode.loss_none'},
    2: {
        'image.loss_image_labels',
        'decode.loss_balanced_ce',
        'decode.acc_seg',
        'affinity.loss_affinity',
    },
}
STAGES[4] = STAGES[2]


@pytest.mark.parametrize('iteration', STAGES)
@pytest.mark.parametrize('contrast', [False, True])
def test_losses_and_gradients_of_each_stage(build, iteration, contrast):
    model = build(contrast=contrast).train()
    at_iteration(iteration)
    losses = model.loss(*samples())
    extra = {'contrast.loss_none' if iteration == 0 else 'contrast.loss_contrast'}
    assert set(losses) == STAGES[iteration] | (extra if contrast else set())
    total, _ = model.parse_losses(losses)
    total.backward()
    for name, p in model.named_parameters():
        assert p.grad is not None and torch.isfinite(p.grad).all(), name
    learns = any(p.grad.any() for p in model.decode_head.parameters())
    assert learns == (iteration > 0)
    assert any(p.grad.any() for p in model.backbone.parameters())


def test_heads_learn_from_propagated_labels_later(build, monkeypatch):
    model = build().train()
    seen = []
    monkeypatch.setattr(
        model, 'segmentation_losses', lambda _, labels: seen.append(labels) or {}
    )
    view = ActivationView(
        None, None, None, torch.zeros(1, 8, 8).long(), torch.ones(1, 8, 8).long()
    )
    asked = []

    def observe(images, data, propagate):
        asked.append(propagate)
        return view

    monkeypatch.setattr(model, 'observe', observe)
    for iteration in (2, 4):
        at_iteration(iteration)
        model.loss(*samples(1))
    assert asked == [False, True]
    assert torch.equal(seen[1], view.propagated)


def slow_activations(model, images, labels):
    """Image by image, class by class; the network sees one view at a time."""
    total, affinity = 0, None
    for scale in model.scales:
        size = [int(scale * side) for side in images.shape[2:]]
        views = F.interpolate(images, size, mode='bilinear')
        both = []
        for flip in (False, True):
            seen = views.flip(3) if flip else views
            features, attention = model.encode(seen)
            maps = model.image_head.activations(features)
            both.append(maps.flip(3) if flip else maps)
            if scale == 1.5 and not flip and attention is not None:
                affinity = model.affinity(attention.scores())
        large = [F.interpolate(m, images.shape[2:], mode='bilinear') for m in both]
        total = total + torch.maximum(*large).relu()
    for i in range(len(images)):
        for c in range(labels.shape[1]):
            m = total[i, c] - total[i, c].min()
            total[i, c] = m / (m.max() + 1e-5) if labels[i, c] else 0
    return total, affinity


@pytest.mark.parametrize('transformer', [True, False])
def test_what_is_observed(build, transformer):
    model = build(transformer=transformer).eval()
    images, data = samples(box=(8, 64, 0, 40))
    view = model.observe(images, data, propagate=True)
    labels = torch.tensor(np.stack([s.image_labels for s in data]))
    assert torch.equal(view.image_labels, labels)
    with torch.no_grad():
        activations, affinity = slow_activations(model, images, labels)
    torch.testing.assert_close(view.activations, activations)
    colors = image_colors(images, model.data_preprocessor)
    valid = torch.zeros(2, *SIZE, dtype=torch.bool)
    valid[:, 8:, :40] = True
    assert torch.equal(view.valid, valid)
    same = model.labeler(colors, view.activations, labels, valid)
    assert torch.equal(view.labels, same)
    assert (view.labels[~valid] == 255).all()
    if not transformer:
        assert view.propagated is None and view.best_labels is view.labels
        return
    spread = model.labeler.propagated(
        colors, activations, labels, affinity, (6, 6), valid, [(8, 64, 0, 40)] * 2
    )
    assert (view.propagated == spread).float().mean() > 0.99
    assert view.best_labels is view.propagated
    assert (view.propagated[~valid] == 255).all()
    assert model.observe(images, data, propagate=False).propagated is None


def test_labels_are_background_or_classes_of_the_image(build):
    model = build(transformer=False).eval()
    images, data = samples(3)
    found = model.observe(images, data, propagate=True).labels
    for labels, sample in zip(found, data, strict=True):
        classes = {0, 255, *(1 + np.flatnonzero(sample.image_labels))}
        assert set(labels.unique().tolist()) <= classes


@pytest.mark.parametrize('mode', ['train', 'eval'])
def test_whether_batch_norm_sees_the_maps(build, tiny, mode):
    backbone = copy.deepcopy(tiny.model.backbone)
    backbone.norm_cfg = dict(type='BN')
    model = build(transformer=False, activation_mode=mode, backbone=backbone).train()
    images, data = samples()
    before = model.backbone.layer1[0].norm1.running_mean.clone()
    model.observe(images, data, propagate=False)
    same = torch.equal(before, model.backbone.layer1[0].norm1.running_mean)
    assert same == (mode == 'eval')
    assert all(module.training for module in model.backbone.modules())


def test_checkpoint_is_one_of_a_stock_segmentor(build):
    model = build(contrast=True).eval()
    stock = copy.deepcopy(TRANSFORMER)
    stock['decode_head'].pop('loss_decode')
    stock = MODELS.build(
        ConfigDict(
            type='EncoderDecoder',
            backbone=stock['backbone'],
            decode_head=stock['decode_head'],
            test_cfg=dict(mode='whole'),
        )
    ).eval()
    result = stock.load_state_dict(model.state_dict(), strict=False)
    assert result.missing_keys == []
    own = {key.split('.')[0] for key in result.unexpected_keys}
    assert own == {'image_head', 'affinity', 'representation_head'}
    images, data = samples()
    with torch.no_grad():
        ours = model.predict(images, copy.deepcopy(data))
        theirs = stock.predict(images, copy.deepcopy(data))
    for a, b in zip(ours, theirs, strict=True):
        assert torch.equal(a.seg_logits.data, b.seg_logits.data)


def test_predictions_carry_maps_where_labels_are_known(build):
    model = build(background=0.4).eval()
    images, data = samples(img_shape=(48, 64), ori_shape=(96, 128))
    with torch.no_grad():
        with recorded_outputs(model.backbone) as passes:
            found = model.predict(images, copy.deepcopy(data))
        assert len(passes) == 1 + len(model.scales)  # with mirror images
        view = model.observe(images, data, propagate=True)
        logits = model.image_head(model.extract_feat(images))
    for i, sample in enumerate(found):
        assert torch.equal(sample.image_logits, logits[i])
        for field in ('cam_sem_seg', 'pseudo_sem_seg', 'pred_sem_seg'):
            assert sample.get(field).data.shape == (1, 96, 128)
        pseudo = sample.pseudo_sem_seg.data[0, ::2, ::2]
        assert torch.equal(pseudo, view.best_labels[i, :48])
        top, label = view.activations[i].max(0)
        cam = torch.where(top > 0.4, label + 1, 0)[:48]
        assert torch.equal(sample.cam_sem_seg.data[0, ::2, ::2], cam)
        sample.to_dict()
    maps = model.pseudo_label_maps(images, data)
    assert torch.equal(maps['pseudo-label'], view.best_labels)
    assert torch.equal(maps['activation'], view.activations.amax(1))
    bare = [SegDataSample(metainfo=dict(img_shape=SIZE, ori_shape=SIZE))] * 2
    assert 'cam_sem_seg' not in model.predict(images, bare)[0]


def test_bank_fills_when_maps_come(build):
    model = build(contrast=True).train()
    images, data = samples()
    at_iteration(0)
    model.loss(images, data)
    assert not model.memory_bank.filled.any()
    at_iteration(2)
    model.loss(images, data)
    assert model.memory_bank.filled.all()
    assert model.memory_bank.known.tolist() == [True, True, True, False]


def test_absent_classes_need_maps_for_the_second_row_of_table_14(build):
    loss = dict(CONTRAST['contrastive_loss'], negatives=['unreliable'])
    models = [build(contrast=True), build(contrast=True, contrastive_loss=loss)]
    images, data = samples()
    views = [m.eval().observe(images, data, propagate=False) for m in models]
    present = views[0].image_labels
    assert not views[0].activations[~present].any()
    assert all(m.any() for m in views[1].activations[~present])
    torch.testing.assert_close(
        views[0].activations[present], views[1].activations[present]
    )
    assert torch.equal(views[0].labels, views[1].labels)


def test_a_seed_gives_the_network_of_the_baseline(build):
    plain, whole = (build(contrast=c).state_dict() for c in (False, True))
    assert len(whole) > len(plain)
    assert all(torch.equal(value, whole[key]) for key, value in plain.items())


def test_what_does_not_fit_is_refused(build):
    with pytest.raises(ValueError, match='classifier_iters=5 and propagation_begin=4'):
        build(classifier_iters=5)
    build(transformer=False, classifier_iters=5)  # nothing propagates
    with pytest.raises(ValueError, match='classifier_iters=-1'):
        build(classifier_iters=-1)
    with pytest.raises(ValueError, match='image_head.num_classes=3, but'):
        build(image_head=dict(MODEL['image_head'], num_classes=3))
    with pytest.raises(TypeError, match='ResNetV1c has no attention'):
        build(transformer=False, affinity=TRANSFORMER['affinity'])
    with pytest.raises(ValueError, match='background_low=0.6 and background_high'):
        build(pseudo_labels=dict(background_low=0.6, background_high=0.4))
    with pytest.raises(ValueError, match="activation_mode='test' is unknown"):
        build(activation_mode='test')
    head = dict(TRANSFORMER['decode_head'], ignore_index=250)
    with pytest.raises(ValueError, match='ignores the label 255, but decode_head.ign'):
        build(decode_head=head)
    model = build()
    images, data = samples(1)
    with pytest.raises(ValueError, match='no image_labels: wrap the dataset'):
        model.loss(images, [SegDataSample(metainfo=dict(img_shape=SIZE))])
    data[0].set_metainfo(dict(image_labels=np.ones(7, bool)))
    with pytest.raises(ValueError, match='of 7 classes, but the model has 4'):
        model.loss(images, data)


def bank_of_a_step(rank, model, images, data):
    at_iteration(2)
    torch.manual_seed(rank)
    model.loss(images, data)
    contents = model.memory_bank.contents()
    return {name: value.numpy() for name, value in contents.items()}


def in_each(model, images, data):
    rank = torch.distributed.get_rank()
    return bank_of_a_step(rank, model, images[rank : rank + 1], data[rank : rank + 1])


@pytest.mark.slow
def test_bank_of_two_processes_is_that_of_one(build, in_two_processes):
    many = dict(CONTRAST['contrastive_loss'], negatives_per_image=99)
    model = build(contrast=True, contrastive_loss=many).eval()
    images, data = samples()
    first, second = in_two_processes(in_each, model, images, data)
    one = bank_of_a_step(0, model, images, data)
    for name, value in one.items():
        np.testing.assert_allclose(first[name], value, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(first[name], second[name])


@pytest.fixture
def training(tiny):
    """Image labels of the boxes: 6 iterations, 2 of each stage."""
    cfg = copy.deepcopy(tiny)
    cfg.model.update(copy.deepcopy(MODEL) | copy.deepcopy(CONTRAST))
    cfg.model.decode_head.loss_decode = LOSS
    cfg.model.memory_bank.length = 300
    dataset = cfg.train_dataloader.dataset
    dataset.pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='RandomFlip', prob=0.5),
        dict(type='RandomPlaceCrop', size=(36, 24)),
        dict(
            type='PackSegInputs',
            meta_keys=('img_path', 'ori_shape', 'img_shape', 'box'),
        ),
    ]
    cfg.train_dataloader.dataset = dict(type='ImageLabelDataset', dataset=dataset)
    for name in ('val', 'test'):
        loader = cfg[f'{name}_dataloader']
        loader.dataset = dict(type='ImageLabelDataset', dataset=loader.dataset)
    cfg.val_evaluator = [
        dict(type='IoUMetric', iou_metrics=['mIoU']),
        dict(type='MapIoUMetric', field='cam_sem_seg', prefix='cam'),
        dict(type='MapIoUMetric', field='pseudo_sem_seg', prefix='pseudo'),
        dict(type='ImageLabelF1Metric'),
    ]
    cfg.custom_hooks += [
        dict(type='PrototypeMemoryBankHook', report_interval=2),
        dict(type='PseudoLabelPanelHook', num_images=2),
    ]
    return cfg


@pytest.mark.slow
def test_training_validates_and_resumes_exactly(training, whole_and_resumed):
    (whole, expected), (resumed, got) = whole_and_resumed(training)
    keys = {'mIoU', 'cam/mIoU', 'pseudo/mIoU', 'image/F1'}
    assert keys <= expected.metrics.keys()
    assert all(0 <= expected.metrics[key] <= 100 for key in keys)
    log = os.path.join(whole.log_dir, 'panels/iter_6.png')
    assert os.path.getsize(log)
    assert got.losses == expected.losses[4:]
    for name, value in whole.model.memory_bank.contents().items():
        assert torch.equal(resumed.model.memory_bank.contents()[name], value)


@pytest.mark.slow
def test_two_processes_train_together(training, train_in_two_processes, tmp_path):
    path = tmp_path / 'two.py'
    training.train_dataloader.batch_size = 2
    training.dump(path)
    train_in_two_processes(path, tmp_path / 'two')
    state = torch.load(tmp_path / 'two/iter_6.pth', weights_only=False)
    assert all(torch.isfinite(v).all() for v in state['state_dict'].values())
    assert state['memory_bank']['filled'].all()
