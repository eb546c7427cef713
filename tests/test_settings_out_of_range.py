"""Numbers out of their range, kind by kind: each is refused, by its name."""

import copy

import pytest
from mmseg.registry import HOOKS, METRICS, MODELS, TASK_UTILS, TRANSFORMS

from mmseg_labelfree.engine.protocols import ProtocolRunner
from mmseg_labelfree.models.utils import StrongView

NAN = float('nan')
RANKING = dict(type='EntropyRankingHook', dataset={}, num_old_classes=2)
RANKING_JOB = dict(RANKING, type='EntropyRankingJob', checkpoint='a.pth')
CLUSTERING = dict(
    type='NovelClusteringJob', checkpoint='a.pth', dataset={}, saliency={}
)
BY_THEMSELVES = [
    (MODELS, dict(type='UnbiasedKnowledgeDistillationLoss'), 'loss_weight', (-10, NAN)),
    (MODELS, dict(type='KnowledgeDistillationLoss'), 'alpha', (0, float('inf'))),
    (MODELS, dict(type='UnlabeledSetCrossEntropyLoss'), 'gamma', (-1, NAN, 'gama')),
    (MODELS, dict(type='MemoryBankContrastiveLoss'), 'anchor_threshold', (-1, 30)),
    (MODELS, dict(type='PairwiseAffinityLoss'), 'negative_threshold', (95,)),
    (METRICS, dict(type='LinearProbeIoUMetric'), 'size', ((0, 8),)),
    (HOOKS, dict(type='AdaBNHook', dataloader={}), 'num_batches', (0,)),
    (HOOKS, dict(type='ClusterMonitorHook'), 'interval', (0,)),
    (HOOKS, dict(type='InvalidLossHook'), 'interval', (0,)),
    (HOOKS, dict(type='PrototypeMemoryBankHook'), 'report_interval', (0,)),
    (HOOKS, dict(type='PseudoLabelPanelHook'), 'num_images', (0,)),
    (HOOKS, dict(type='EMATeacherHook'), 'momentum', (1.5, NAN)),
    (HOOKS, RANKING, 'keep', (67, NAN)),
    (HOOKS, RANKING, 'begin', (-1,)),
    (HOOKS, RANKING, 'batch_size', (0,)),
    (HOOKS, dict(RANKING, type='DynamicReassignmentHook'), 'keep', (67,)),
    (TASK_UTILS, RANKING_JOB, 'keep', (67,)),
    (TASK_UTILS, dict(type='KMeansJob'), 'num_images', (0,)),
    (TASK_UTILS, dict(type='KMeansJob'), 'per_image', (0,)),
    (TASK_UTILS, dict(CLUSTERING, num_clusters=2), 'pca_dim', (0,)),
    (TASK_UTILS, dict(CLUSTERING, num_clusters=2), 'panels', (-1,)),
    (TASK_UTILS, dict(CLUSTERING, num_clusters=2), 'scatter', ('umap',)),
    (TASK_UTILS, dict(type='RobustBackgroundSaliency'), 'num_superpixels', (0,)),
    (TRANSFORMS, dict(type='RandomAreaCrop', size=(8, 8)), 'scale', ((0, 1), (2, 1))),
    (TRANSFORMS, dict(type='RareClassCrop', crop_size=8), 'max_tries', (0,)),
    (TRANSFORMS, dict(type='RareClassCrop', crop_size=8), 'cat_max_ratio', (75,)),
    (
        METRICS,
        dict(type='SquashedClusteringIoUMetric', num_clusters=2),
        'size',
        ((0, 8),),
    ),
]


@pytest.mark.parametrize(
    ('registry', 'config', 'key', 'value'),
    [(r, c, k, v) for r, c, k, values in BY_THEMSELVES for v in values],
    ids=lambda x: x.get('type') if isinstance(x, dict) else str(x)[:20],
)
def test_parts(registry, config, key, value):
    if 'RareClassCrop' not in config['type']:
        registry.build(copy.deepcopy(config))
    named = 'height' if key == 'size' else key
    with pytest.raises(ValueError, match=rf'\b{named}='):
        registry.build(dict(copy.deepcopy(config), **{key: value}))


@pytest.mark.parametrize(
    ('key', 'value'),
    [('jitter_prob', 80), ('blur_prob', -0.1), ('grayscale_prob', NAN)],
)
def test_strong_views(key, value):
    with pytest.raises(ValueError, match=f'^{key}='):
        StrongView(**{key: value})


@pytest.mark.usefixtures('pydensecrf')
def test_the_dense_crf():
    metric = dict(type='DenseCRFMetric', metric=dict(type='IoUMetric'))
    for key, value in dict(iterations=0, bilateral_xy=0, gaussian_weight=-1).items():
        with pytest.raises(ValueError, match=f'^{key}='):
            METRICS.build(dict(metric, **{key: value}))


@pytest.mark.parametrize(
    ('kind', 'key', 'values'),
    [
        ('semi', 'threshold', (95, -0.1, NAN)),
        ('semi', 'confidence_threshold', (96.8,)),
        ('semi', 'mixing_prob', (2,)),
        ('semi', 'mixing_area', (0, 50)),
        ('semi', 'unlabeled_weight', (-1,)),
        ('semi', 'warmup_iters', (-5,)),
        ('semi', 'masked_view', (dict(block_size=0), dict(mask_ratio=70))),
        ('novel', 'ramp_up', (-1,)),
    ],
)
def test_segmentors(kind, key, values, request):
    model = request.getfixturevalue(kind).model
    for value in values:
        name = next(iter(value)) if isinstance(value, dict) else key
        with pytest.raises(ValueError, match=f'^{name}='):
            MODELS.build({**copy.deepcopy(model), key: value})


@pytest.mark.parametrize('kind', ['incremental', 'semi', 'iddc', 'strict'])
def test_settings_of_the_test_that_nothing_reads(kind, request):
    cfg = request.getfixturevalue(kind)
    if kind == 'strict':
        cfg = ProtocolRunner(cfg).stages[0].cfg
    MODELS.build(copy.deepcopy(cfg.model))
    cfg.model.test_cfg = dict(mode='slide', crop_size=(8, 8), strid=(4, 4))
    with pytest.raises(ValueError, match=r'test_cfg.strid is read by nothing: stride'):
        MODELS.build(cfg.model)


def test_the_calibration_of_unseen_classes(strict):
    model = ProtocolRunner(strict).stages[0].cfg.model
    for gamma in (-1, 50, 'much'):
        model.test_cfg.gamma = gamma
        with pytest.raises(ValueError, match=f'^gamma={gamma!r} must be a number'):
            MODELS.build(model)
    model.test_cfg = dict(mode='whole', gama=0.5)
    with pytest.raises(ValueError, match=r'test_cfg.gama is read by nothing: gamma is'):
        MODELS.build(model)


def test_protocols(novel):
    for key, value, message in (
        ('entropy_ranking', 67, 'entropy_ranking=67 must'),
        ('num_clusters', 0, r'num_clusters=0 is less than the 1 novel'),
    ):
        cfg = copy.deepcopy(novel)
        cfg.protocol[key] = value
        with pytest.raises(ValueError, match=message):
            ProtocolRunner(cfg)
