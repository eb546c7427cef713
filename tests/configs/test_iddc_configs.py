"""IDDC's configs: what each row changes, the published settings, widths of heads."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import METRICS, MODELS, PARAM_SCHEDULERS

from mmseg_labelfree.utils.test_options import use_dense_crf

CONFIGS = Path(__file__).parents[2] / 'configs/iddc'
CHANGES = {
    '_e2e': {'model.train_backbone', 'custom_hooks'},
    '_entropy': {'model.balance_loss'},
    '_kmeans': {'model.auxiliary_head', 'job', 'test_evaluator'},
    '_center': {'val_dataloader', 'test_dataloader'},
}
ROWS = sorted(p.stem for p in CONFIGS.glob('*.py') if p.stem.endswith(tuple(CHANGES)))


def load(name):
    return Config.fromfile(CONFIGS / f'{name}.py')


def changes(old, new):
    """Keys of a config that differ, those of the model one by one."""
    keys = {k for k in old.keys() | new.keys() if old.get(k) != new.get(k)}
    if 'model' in keys:
        below = changes(old['model'], new['model'])
        keys = keys - {'model'} | {f'model.{key}' for key in below}
    return keys


@pytest.mark.parametrize('name', ROWS)
def test_a_row_changes_one_thing_of_the_method(name):
    method, row = name.rsplit('_', 1)
    old, new = load(method).to_dict(), load(name).to_dict()
    assert changes(old, new) == CHANGES[f'_{row}']


@pytest.mark.parametrize(
    ('name', 'thresholds', 'lambdas'),
    [
        ('vits8_cocostuff27', (0.2, 0.12), (1.4, 0.25)),
        ('vits8_cocostuff27_e2e', (0.2, 0.12), (1.4, 0.25)),
        ('vits16_cocostuff27', (0.2, 0.12), (1.4, 0.4)),
        ('vits16_cocostuff171', (0.15, 0.15), (9.0, 0.61)),
        ('vits8_cityscapes27_center', (0.15, 0.25), (0.25, 0.3)),
        ('vits16_cityscapes27', (0.15, 0.25), (0.25, 0.3)),  # ours, not published
        ('vitb16_cityscapes27', (0.15, 0.25), (0.25, 0.3)),
        ('ibot_vitb16_in22k_cityscapes27_e2e', (0.15, 0.25), (0.25, 0.3)),
        ('vits16_cityscapes27_linear', (0.2, 0.2), (0.25, 0.3)),
        ('vitb8_cityscapes27', (0.2, 0.28), (0.38, 0.22)),
        ('vitb8_cityscapes27_center', (0.2, 0.28), (0.38, 0.22)),
    ],
)
def test_settings_of_section_4_2_3(name, thresholds, lambdas):
    model = load(name).model
    pairs = model.pairwise_loss
    assert (pairs.positive_threshold, pairs.negative_threshold) == thresholds
    weights = pairs.negative_weight, model.balance_loss.loss_weight * 50
    assert weights == pytest.approx(lambdas)


@pytest.mark.parametrize(
    'name',
    [
        'mobilenetv2_demo_voc',
        'vitb8_cityscapes27',
        'vits16_cityscapes27_linear',
        'vits16_cocostuff171',
        'vitthin8_demo_voc',
        'xcits16_cityscapes27',
        'xcits8_cityscapes27',
    ],
)
def test_heads_fit_the_backbone(name):
    cfg = load(name)
    init_default_scope('mmseg')
    model = MODELS.build(cfg.model).eval()
    with torch.no_grad():
        logits = model(torch.randn(1, 3, 64, 64))
    clusters = cfg.val_evaluator[0].num_clusters
    assert logits.shape[:2] == (1, clusters) == (1, cfg.model.decode_head.num_classes)
    assert model.auxiliary_head.num_classes == clusters


@pytest.mark.parametrize(
    'name',
    [
        'mobilenetv2_camvid',
        'mobilenetv2_demo_voc',
        'mobilenetv2_vocreal_kmeans',
        'vitb8_cityscapes27_center',
        'vits16_cityscapes27_linear_entropy',
        'vits16_cityscapes27_linear_kmeans',
        'vits16_cocostuff27',
        'vits8_cocostuff171',
    ],
)
def test_clusters_are_matched_and_named_as_the_authors_do(name):
    cfg = load(name)
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        assert evaluator[0].maximize == 'pixels'
        assert evaluator[0].get('matching', 'hungarian') == 'hungarian'
    assert [h.type for h in cfg.custom_hooks if 'Cluster' in h.type] == [
        'ClusterMonitorHook',
        'ClusterNamesHook',
    ]
    losses = cfg.model.pairwise_loss, cfg.model.balance_loss
    variants = {loss.get('variant', 'official') for loss in losses}
    assert variants == {cfg.model.variant} == {'official'}


@pytest.mark.parametrize('name', ['vits16_cocostuff27', 'vits8_cityscapes27'])
def test_the_rate_reaches_zero_after_the_last_epoch(name):
    cfg = load(name)
    init_default_scope('mmseg')
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    schedule = PARAM_SCHEDULERS.build(
        dict(cfg.param_scheduler[0]), default_args=dict(optimizer=optimizer)
    )
    epochs = cfg.train_cfg.max_epochs
    for epoch in range(epochs):
        rate = optimizer.param_groups[0]['lr']
        assert rate == pytest.approx((1 - epoch / epochs) ** 0.9)  # code
        optimizer.step()
        schedule.step()


@pytest.mark.parametrize('name', ['vits16_cocostuff27', 'vits8_cityscapes27'])
def test_network_of_the_authors(name):
    """What computes something else, and fits the same weights, if it is forgotten."""
    cfg = load(name)
    cfg.model.backbone.init_cfg = None
    init_default_scope('mmseg')
    model = MODELS.build(cfg.model)
    model.train()
    assert type(model.backbone).__name__ == 'VisionTransformerOfDINO'
    assert not any(m.training for m in model.backbone.modules())
    norms = [m for m in model.modules() if isinstance(m, torch.nn.LayerNorm)]
    assert {m.eps for m in norms} == {1e-6} and len(norms) == 25
    assert model.probe_features == 'head' and model.decode_head.dropout is None
    assert not model.decode_head.align_corners and model.auxiliary_head.align_corners
    assert cfg.model.test_cfg == dict(
        mode='slide', crop_size=(224, 224), stride=(149, 149), flip=True
    )


@pytest.mark.usefixtures('pydensecrf')
def test_dense_crf_of_the_authors_comments():
    cfg = load('vits8_cocostuff27')
    use_dense_crf(cfg)
    metric = METRICS.build(cfg.test_evaluator[0])
    assert metric.crf == dict(
        iterations=2,
        gaussian_weight=9,
        gaussian_std=2,
        bilateral_weight=4,
        bilateral_xy=75,
        bilateral_rgb=5,
    )
    cfg = load('vits8_cocostuff27')
    cfg.dense_crf = None  # STEGO's
    use_dense_crf(cfg)
    assert METRICS.build(cfg.test_evaluator[0]).crf == {}
