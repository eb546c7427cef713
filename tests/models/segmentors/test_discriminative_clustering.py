import copy
import json
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_labelfree.models.segmentors import DiscriminativeClusteringSegmentor
from mmseg_labelfree.ops import (
    cluster_frequencies,
    draw_rotations,
    negative_pair_loss,
    positive_pair_loss,
    weibull_balance,
)

OVERLAP = ((0, 0, 16, 16), (0, 0, 16, 16))
VIT = dict(
    type='mmpretrain.VisionTransformer',
    arch=dict(embed_dims=8, num_layers=2, num_heads=2, feedforward_channels=16),
    img_size=16,
    patch_size=4,
    out_type='featmap',
)


def model_config(**kwargs):
    cfg = dict(
        type='DiscriminativeClusteringSegmentor',
        data_preprocessor=dict(
            type='SegDataPreProcessor',
            mean=[100.0] * 3,
            std=[60.0] * 3,
            bgr_to_rgb=True,
            size_divisor=1,
        ),
        backbone=VIT,
        decode_head=dict(
            type='ClusteringHead', in_channels=8, num_classes=6, kernel_sizes=(3, 1)
        ),
        pairwise_loss=dict(
            type='PairwiseAffinityLoss',
            positive_threshold=0.1,
            negative_threshold=0.1,
            num_negatives=1,
        ),
        balance_loss=dict(type='WeibullBalanceLoss', loss_weight=0.1),
        auxiliary_head=dict(
            type='ClusteringHead', in_channels=8, num_classes=5, kernel_sizes=()
        ),
        train_cfg=dict(),
        test_cfg=dict(mode='whole'),
    )
    return Config(cfg | kwargs)


def build(**kwargs):
    torch.manual_seed(0)
    model = MODELS.build(model_config(**kwargs))
    with torch.no_grad():
        model.backbone.pos_embed.normal_()
    return model.train()


def batch(num=3, label=True, seed=1):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(num, 3, 32, 16, generator=generator)
    samples = []
    for _ in range(num):
        sample = SegDataSample(metainfo=dict(crop_overlap=OVERLAP))
        if label:
            data = torch.randint(0, 5, (1, 32, 16), generator=generator)
            sample.gt_sem_seg = PixelData(data=data)
        samples.append(sample)
    return images, samples


def test_losses_are_those_of_the_crops():
    model = build(
        pairwise_loss=dict(
            type='PairwiseAffinityLoss',
            positive_threshold=0.1,
            negative_threshold=0.1,
            num_negatives=2,  # all rotations: the draw does not matter
        )
    )
    assert isinstance(model, DiscriminativeClusteringSegmentor)
    images, samples = batch()
    losses = model.loss(images, samples)
    first, second = images[:, :, :16], images[:, :, 16:]
    u = [model.backbone(x)[0] for x in (first, second)]
    v = [model.decode_head([e]).softmax(1) for e in u]
    units = [torch.nn.functional.normalize(e, dim=1) for e in u]
    expected = {
        'clusters.loss_positive': positive_pair_loss(*v, *units, 0.1),
        'clusters.loss_negative': 1.4 * negative_pair_loss(*v, *units, [1, 2], 0.1),
        'clusters.loss_weibull': 0.1
        * weibull_balance(cluster_frequencies(torch.cat(v))),
    }
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value, rtol=1e-5, atol=1e-6)
    labels = torch.stack([s.gt_sem_seg.data[0] for s in samples])
    probe = [model.auxiliary_head([e]) for e in u]
    large = torch.nn.functional.interpolate(torch.cat(probe), (16, 16), mode='bilinear')
    ce = torch.nn.functional.cross_entropy(
        large, torch.cat([labels[:, :16], labels[:, 16:]])
    )
    torch.testing.assert_close(losses['probe.loss_ce'], ce)
    winners = torch.cat(v).argmax(1).flatten()
    assert torch.equal(model.cluster_counts, torch.bincount(winners, minlength=6))
    assert not any('cluster_counts' in name for name in model.state_dict())


def literal_step(model, images, labels, rotations, official):
    """Eq. 1, 2, 5, 7 and 8 and the probe, image by image, as paper or code has them."""

    def rows(maps):  # (N, pixels, channels)
        return maps.flatten(2).transpose(1, 2)

    head, losses = model.decode_head, model.pairwise_loss
    number = len(images)
    codes, u, v = [], [], []
    for crop in images.chunk(2, dim=2):
        features = model.backbone(crop)[0]
        codes.append(head.convs(features))
        u.append(rows(features) / rows(features).norm(dim=2, keepdim=True))
        v.append(rows(head.conv_seg(codes[-1])).softmax(2))

    def selected(n, m, other, positive):
        affinity, p = u[0][n] @ u[other][m].T, v[0][n] @ v[other][m].T
        if positive:
            keep = affinity > losses.positive_threshold
            return (affinity * torch.exp(1 - p))[keep]
        keep = affinity < losses.negative_threshold
        weight = 1 - (affinity.clamp(min=0) if official else affinity)
        return (weight * torch.exp(p))[keep]

    pairs = [selected(n, n, 1, True) for n in range(number)]
    positive = torch.cat(pairs).mean()
    shifted = [
        torch.cat(
            [
                selected(n, (n + r) % number, 0 if official else 1, False)
                for n in range(number)
            ]
        )
        for r in rotations
    ]
    if official:
        negative = sum(part.mean() for part in shifted) / len(shifted)
    else:
        negative = torch.cat(shifted).mean()

    crops = v[:1] if official else v
    x = torch.cat(crops).flatten(0, 1).mean(0)
    lambda_ = 5.0 if official else 1.0
    x = ((x / x.max() if official else x) + 1e-6) / lambda_
    density = 0.3 / lambda_ * x ** (0.3 - 1) * torch.exp(-(x**0.3))
    balance = density.mean() if official else density.sum()

    seen = torch.cat(codes[: len(crops)]).detach()
    large = torch.nn.functional.interpolate(
        model.auxiliary_head.conv_seg(seen),
        (16, 16),
        mode='bilinear',
        align_corners=official,
    )
    truth = torch.cat(labels.chunk(2, dim=1)[: len(crops)])
    probe = torch.nn.functional.cross_entropy(large, truth)
    weight = 0.4 / 50 if official else 0.4
    return positive + 1.4 * negative + weight * balance + probe


@pytest.mark.parametrize('variant', ['paper', 'official'])
def test_whole_step_equals_a_literal_transcription(variant):
    official = variant == 'official'
    model = build(
        variant=variant,
        probe_features='head',
        auxiliary_head=dict(
            type='ClusteringHead',
            in_channels=8,
            num_classes=5,
            kernel_sizes=(),
            align_corners=official,
        ),
        pairwise_loss=dict(
            type='PairwiseAffinityLoss', negative_threshold=0.12, variant=variant
        ),
        balance_loss=dict(
            type='WeibullBalanceLoss',
            variant=variant,
            lambda_=5.0 if official else 1.0,
            loss_weight=0.4 / 50 if official else 0.4,
        ),
    )
    images, samples = batch(5)
    torch.manual_seed(7)
    rotations = draw_rotations(5, 3, variant=variant)
    labels = torch.stack([s.gt_sem_seg.data[0] for s in samples])
    exact = copy.deepcopy(model).double()
    expected = literal_step(exact, images.double(), labels, rotations, official)
    expected.backward()
    torch.manual_seed(7)
    found, _ = model.parse_losses(model.loss(images, samples))
    found.backward()
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    for (name, a), b in zip(model.named_parameters(), exact.parameters(), strict=True):
        if not name.startswith('backbone'):
            assert (a.grad - b.grad).norm() <= 1e-5 * b.grad.norm(), name


def test_a_mixture_of_paper_and_code_is_refused():
    with pytest.raises(ValueError, match="'paper' of its PairwiseAffinityLoss are two"):
        build(variant='official')
    official = dict(type='PairwiseAffinityLoss', variant='official')
    with pytest.raises(ValueError, match="'paper' of its WeibullBalanceLoss are two"):
        build(variant='official', pairwise_loss=official)
    entropy = dict(type='EntropyBalanceLoss')
    assert build(variant='official', pairwise_loss=official, balance_loss=entropy)
    with pytest.raises(ValueError, match="got 'code'"):
        build(variant='code')


def test_probe_of_the_head_sees_what_the_classifier_sees():
    model = build(probe_features='head')
    images, samples = batch()
    found = model.loss(images, samples)['probe.loss_ce']
    features = model.backbone(torch.cat([images[:, :, :16], images[:, :, 16:]]))
    codes = model.decode_head.convs(features[0]).detach()
    labels = torch.stack([s.gt_sem_seg.data[0] for s in samples])
    labels = torch.cat([labels[:, :16], labels[:, 16:]])
    small = model.auxiliary_head([codes])
    large = torch.nn.functional.interpolate(small, (16, 16), mode='bilinear')
    expected = torch.nn.functional.cross_entropy(large, labels)
    torch.testing.assert_close(found, expected)
    found.backward()
    assert all(p.grad is None for p in model.decode_head.parameters())
    model.eval()
    with torch.no_grad():
        (found,) = model.encode_decode(images[:1, :, :16], [dict(img_shape=(16, 16))])
    torch.testing.assert_close(found[6:], large[:1].softmax(1)[0])
    with pytest.raises(ValueError, match='probe_features'):
        build(probe_features='neck')


@pytest.mark.parametrize('label', [True, False])
def test_frozen_backbone_gets_no_gradient(label):
    model = build(**({} if label else dict(auxiliary_head=None)))
    total, _ = model.parse_losses(model.loss(*batch(label=label)))
    total.backward()
    assert all(p.grad is None for p in model.backbone.parameters())
    for name, p in model.named_parameters():
        if not name.startswith('backbone'):
            assert p.grad.abs().sum() > 0, name
    with pytest.raises(ValueError, match='built frozen; set model.train_backbone=True'):
        model.freeze_backbone(False)


def test_resting_backbone_gets_zeros_and_learning_one_a_gradient():
    model = build(train_backbone=True, balance_loss=None)
    for frozen in (True, False):
        model.zero_grad()
        model.freeze_backbone(frozen)
        model.parse_losses(model.loss(*batch()))[0].backward()
        assert all(p.grad is not None for p in model.parameters())
        moved = sum(p.grad.abs().sum() for p in model.backbone.parameters())
        assert bool(moved > 0) is not frozen
    probe = model.auxiliary_head.conv_seg.weight.grad
    model.zero_grad()
    losses = model.loss(*batch())
    losses['probe.loss_ce'].backward()
    assert all(p.grad is None for p in model.backbone.parameters())  # detached
    torch.testing.assert_close(model.auxiliary_head.conv_seg.weight.grad, probe)


def test_backbone_stays_in_eval_mode():
    model = build(train_backbone=True)
    assert model.training and model.decode_head.training
    assert not any(m.training for m in model.backbone.modules())


@pytest.mark.parametrize(
    'backbone, channels',
    [
        (dict(type='MobileNetV2', out_indices=(4, 6)), 320),
        (
            dict(
                type='mmpretrain.XCiT',
                patch_size=8,
                embed_dims=16,
                depth=1,
                num_heads=2,
                cls_attn_layers=1,
                img_size=64,
                out_type='featmap',
            ),
            16,
        ),
    ],
)
def test_any_backbone_embeds(backbone, channels):
    head = dict(type='ClusteringHead', in_channels=channels, num_classes=6)
    torch.manual_seed(0)
    cfg = model_config(backbone=backbone, decode_head=head, auxiliary_head=None)
    model = MODELS.build(cfg).train()
    images = torch.randn(2, 3, 128, 64)
    total, _ = model.parse_losses(model.loss(images, batch(2)[1]))
    total.backward()
    assert torch.isfinite(total)
    assert model.decode_head.conv_seg.weight.grad.abs().sum() > 0


def test_prediction_averages_flips_and_windows():
    model = build(
        test_cfg=dict(mode='slide', crop_size=(16, 16), stride=(8, 8), flip=True)
    ).eval()
    image = torch.randn(1, 3, 16, 24, generator=torch.Generator().manual_seed(3))
    meta = dict(ori_shape=(16, 24), img_shape=(16, 24), pad_shape=(16, 24))
    found = model.predict(image, [SegDataSample(metainfo=meta)])[0]
    expected = {}
    for key, head in (('clusters', model.decode_head), ('probe', model.auxiliary_head)):

        def logits(x, head=head):
            small = head(model.backbone(x))
            return torch.nn.functional.interpolate(small, (16, 16), mode='bilinear')

        total = torch.zeros(1, head.num_classes, 16, 24)
        count = torch.zeros(24)
        with torch.no_grad():
            for left in (0, 8):
                x = image[..., left : left + 16]
                mean = (logits(x) + logits(x.flip(3)).flip(3)) / 2
                total[..., left : left + 16] += mean.softmax(1)
                count[left : left + 16] += 1
        expected[key] = (total / count)[0]
    torch.testing.assert_close(
        found.seg_logits.data, expected['clusters'].log(), rtol=1e-4, atol=1e-4
    )
    assert torch.equal(found.pred_sem_seg.data[0], expected['clusters'].argmax(0))
    assert torch.equal(found.probe_sem_seg.data[0], expected['probe'].argmax(0))
    assert model.out_channels == model.num_classes == 6


def test_wrong_batches_and_settings_are_named():
    model = build()
    images, samples = batch()
    with pytest.raises(ValueError, match='use OverlappingCropPair'):
        model.loss(images, [SegDataSample() for _ in samples])
    samples[1].set_metainfo(dict(img_shape=torch.Size((30, 16))))
    with pytest.raises(ValueError, match=r'crops of \(30, 16\) are padded to \(32, 16'):
        model.loss(images, samples)
    with pytest.raises(ValueError, match='2 negatives .* batch of 3 images or more'):
        build(pairwise_loss=dict(type='PairwiseAffinityLoss', num_negatives=2)).loss(
            *batch(2)
        )
    with pytest.raises(TypeError, match='one auxiliary_head, its linear probe, not 2'):
        build(auxiliary_head=[dict(type='ClusteringHead')] * 2)
    backbone = dict(VIT, out_indices=[0, 1])
    assert build(backbone=backbone, embedding_index=0).loss(*batch())
    two = dict(type='MobileNetV2', out_indices=(2, 6))
    head = dict(type='ClusteringHead', in_channels=320, num_classes=6)
    cfg = model_config(
        backbone=two, decode_head=head, auxiliary_head=None, embedding_index=0
    )
    with pytest.raises(ValueError, match='embedding_index and decode_head.in_index'):
        MODELS.build(cfg).loss(*batch())


def test_weights_of_another_architecture_are_refused(tmp_path):
    torch.manual_seed(1)
    donor = MODELS.build(VIT)
    good, other = tmp_path / 'good.pth', tmp_path / 'other.pth'
    torch.save(dict(state_dict=donor.state_dict()), good)
    wide = dict(VIT, arch=dict(VIT['arch'], feedforward_channels=24))
    torch.save(MODELS.build(wide).state_dict(), other)

    def started(path, **kwargs):
        init = dict(type='Pretrained', checkpoint=str(path), **kwargs)
        model = MODELS.build(model_config(backbone=dict(VIT, init_cfg=init)))
        model.init_weights()
        return model

    for name, value in started(good).backbone.state_dict().items():
        assert torch.equal(value, donor.state_dict()[name]), name
    with pytest.raises(ValueError) as error:
        started(other)
    text = str(error.value)
    assert 'other.pth: not the weights of this VisionTransformer' in text
    assert 'layers.0.ffn.layers.0.0.weight is (24, 8), not (16, 8)' in text
    prefixed = {f'backbone.{k}': v for k, v in donor.state_dict().items()}
    prefixed['decode_head.x'] = torch.zeros(1)
    torch.save(prefixed, good)
    for prefix in ('backbone', 'backbone.'):
        for name, value in started(good, prefix=prefix).backbone.state_dict().items():
            assert torch.equal(value, donor.state_dict()[name]), name
    with pytest.raises(ValueError, match='missing keys: cls_token, pos_embed'):
        started(good)
    with pytest.raises(FileNotFoundError):
        started(tmp_path / 'none.pth')


@pytest.fixture
def config(boxes_root, tmp_path):
    def config(name, **model):
        def dataset(split, pipeline, **kwargs):
            return dict(
                type='BaseSegDataset',
                metainfo=dict(classes=('background', 'square', 'bar', 'dot', 'frame')),
                data_root=str(boxes_root),
                ann_file=f'ImageSets/Segmentation/{split}.txt',
                data_prefix=dict(
                    img_path='JPEGImages', seg_map_path='SegmentationClass'
                ),
                serialize_data=False,
                pipeline=[
                    dict(type='LoadImageFromFile'),
                    dict(type='LoadAnnotations'),
                    *pipeline,
                ],
                **kwargs,
            )

        pair = dict(type='OverlappingCropPair', crop_size=16, max_shift=8)
        keys = ('img_path', 'ori_shape', 'img_shape', 'crop_overlap')
        val = dict(
            batch_size=1,
            num_workers=0,
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=dataset('val', [dict(type='PackSegInputs')], test_mode=True),
        )
        metrics = [
            dict(type='ClusteringIoUMetric', num_clusters=6),
            dict(type='LinearProbeIoUMetric'),
        ]
        content = dict(
            default_scope='mmseg',
            model=dict(model_config(**model)),
            train_dataloader=dict(
                batch_size=4,
                num_workers=0,
                drop_last=True,
                sampler=dict(type='SeededInfiniteSampler', shuffle=True),
                dataset=dict(
                    type='SourceDataset',
                    source='unlabeled',
                    dataset=dataset(
                        'train', [pair, dict(type='PackSegInputs', meta_keys=keys)]
                    ),
                ),
            ),
            val_dataloader=val,
            test_dataloader=copy.deepcopy(val),
            val_evaluator=metrics,
            test_evaluator=copy.deepcopy(metrics),
            train_cfg=dict(type='IterBasedTrainLoop', max_iters=10, val_interval=5),
            val_cfg=dict(type='ValLoop'),
            test_cfg=dict(type='TestLoop'),
            optim_wrapper=dict(
                type='OptimWrapper',
                optimizer=dict(type='Adam', lr=1e-2, weight_decay=0.1),
                paramwise_cfg=dict(
                    custom_keys=dict(
                        backbone=dict(lr_mult=1e-3), auxiliary_head=dict(lr_mult=2.0)
                    )
                ),
            ),
            param_scheduler=[dict(type='PolyLR', power=0.9, end=10, by_epoch=False)],
            log_processor=dict(by_epoch=False),
            default_hooks=dict(
                logger=dict(type='LoggerHook', interval=2, log_metric_by_epoch=False),
                checkpoint=dict(
                    type='AtomicCheckpointHook',
                    by_epoch=False,
                    interval=1,
                    max_keep_ckpts=20,
                ),
            ),
            custom_hooks=[
                dict(type='IterationSeedHook'),
                dict(type='ClusterMonitorHook', interval=2),
            ],
            visualizer=dict(
                type='SegLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')]
            ),
            randomness=dict(seed=3),
            work_dir=str(tmp_path / name),
            experiment_name=name,
        )
        return Config(content)

    return config


def saved(folder, iteration):
    path = Path(folder) / f'iter_{iteration}.pth'
    return torch.load(path, weights_only=False)


@pytest.mark.slow
@pytest.mark.parametrize('end_to_end', [False, True])
def test_training_resumes_and_freezes_by_the_schedule(config, tmp_path, end_to_end):
    def make(name):
        cfg = config(name, train_backbone=end_to_end)
        if end_to_end:
            cfg.custom_hooks.append(dict(type='FreezeScheduleHook'))
        return cfg

    cfg = make('whole')
    whole = Runner.from_cfg(cfg)
    whole.train()
    rates = {g['initial_lr'] for g in whole.optim_wrapper.optimizer.param_groups}
    assert rates == ({1e-5, 1e-2, 2e-2} if end_to_end else {1e-2, 2e-2})
    states = {i: saved(cfg.work_dir, i)['state_dict'] for i in range(1, 11)}
    moved = [
        any(
            not torch.equal(states[i][k], states[i + 1][k])
            for k in states[i]
            if k.startswith('backbone')
        )
        for i in range(1, 10)
    ]
    # Iterations 0 to 3 and 8, 9 of 10 are frozen: states 1-4 and 8-10 are equal.
    expected = [False] * 3 + [True] * 4 + [False] * 2
    assert moved == (expected if end_to_end else [False] * 9)
    head = [s['decode_head.conv_seg.weight'] for s in states.values()]
    # (The rate of the last iteration is 0.)
    assert not any(torch.equal(a, b) for a, b in zip(head[:-2], head[1:], strict=False))

    again = make('again')
    again.load_from = str(Path(cfg.work_dir) / 'iter_7.pth')  # within an interval
    again.resume = True
    Runner.from_cfg(again).train()
    for name, value in saved(again.work_dir, 10)['state_dict'].items():
        assert torch.equal(value, states[10][name]), name
    histories = [
        json.loads((Path(c.work_dir) / 'clusters.json').read_text())
        for c in (cfg, again)
    ]
    assert histories[0] == histories[1]
    history = histories[0]
    assert [r['iter'] for r in history['train']] == [2, 4, 6, 8, 10]
    assert [r['iter'] for r in history['val']] == [5, 10]
    for record in (*history['train'], *history['val']):
        assert sum(record['shares']) == pytest.approx(1)
        assert record['empty'] == record['shares'].count(0)
    assert sum(history['val'][0]['truth']) == pytest.approx(1)
    metrics = history['val'][-1]['metrics']
    assert {'mIoU', 'aAcc', 'probe/mIoU', 'probe/aAcc'} <= metrics.keys()
    folder = Path(cfg.work_dir)
    assert (folder / 'clusters.png').stat().st_size > 1000
    matching = json.loads((folder / 'matching.json').read_text())
    assert len(matching['classes']) == 6

    # A stock segmentor loads the checkpoint and sees the same logits.
    stock = {k: cfg.model[k] for k in ('data_preprocessor', 'backbone', 'decode_head')}
    stock = EncoderDecoder(**stock, test_cfg=dict(mode='whole')).eval()
    missing, extra = stock.load_state_dict(states[10], strict=False)
    assert not missing and all(k.startswith('auxiliary_head') for k in extra)
    x = torch.randn(1, 3, 16, 16)
    whole.model.eval()
    with torch.no_grad():
        torch.testing.assert_close(stock(x), whole.model(x))


def test_too_few_clusters_are_refused_before_training(config):
    head = dict(type='ClusteringHead', in_channels=8, num_classes=4)
    runner = Runner.from_cfg(config('few', decode_head=head))
    with pytest.raises(ValueError, match='4 clusters cannot stand for the 5 classes'):
        runner.train()
    assert runner.iter == 0
