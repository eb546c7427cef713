import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS

from mmseg_labelfree.models.losses import EntropyBalanceLoss
from mmseg_labelfree.ops import (
    cluster_frequencies,
    entropy_balance,
    negative_pair_loss,
    positive_pair_loss,
    weibull_balance,
)


def batch(images=4):
    generator = torch.Generator().manual_seed(0)
    p = torch.randn(2, images, 3, 2, 3, generator=generator).softmax(2)
    e = torch.randn(2, images, 5, 2, 3, generator=generator) + 1
    return tuple(p), tuple(e)


def build(**kwargs):
    return MODELS.build(dict(type='PairwiseAffinityLoss', **kwargs))


@pytest.mark.parametrize('variant', ['paper', 'official'])
@pytest.mark.parametrize('centered', [False, True])
def test_pairwise_affinity_loss_weighs_its_parts(variant, centered):
    p, e = batch()
    loss = build(
        function='linear',
        weighted=False,
        positive_weight=0.5,
        negative_weight=2.0,
        positive_threshold=0.3,
        negative_threshold=0.25,
        variant=variant,
        centered=centered,
    )
    found = loss(p, e)  # three negatives of four images: all rotations
    if centered:
        mean = torch.stack(e).mean((0, 1, 3, 4))[:, None, None]
        e = [x - mean for x in e]
    units = [F.normalize(x, dim=1) for x in e]
    options = dict(function='linear', weighted=False)
    positive = positive_pair_loss(*p, *units, 0.3, **options)
    negative = negative_pair_loss(
        *p, *units, [1, 2, 3], 0.25, variant=variant, **options
    )
    assert found.keys() == {'loss_positive', 'loss_negative'}
    torch.testing.assert_close(found['loss_positive'], 0.5 * positive)
    torch.testing.assert_close(found['loss_negative'], 2 * negative)
    assert positive > 0 and negative > 0


def test_rows_of_pixels_work_like_maps():
    loss = build(centered=True)
    rows = torch.randn(7, 5) + 1
    (found,) = loss.unit_embeddings([rows])
    torch.testing.assert_close(found, F.normalize(rows - rows.mean(0), dim=1))


def test_without_negatives_any_batch_will_do():
    p, e = batch(1)
    assert build(negative_weight=0)(p, e).keys() == {'loss_positive'}
    with pytest.raises(ValueError, match='3 negatives for each image need a batch'):
        build()(p, e)


def test_balance_losses():
    p = batch()[0][0]
    frequencies = cluster_frequencies(p)
    weibull = MODELS.build(
        dict(type='WeibullBalanceLoss', variant='official', loss_weight=0.5)
    )
    torch.testing.assert_close(
        weibull(p), 0.5 * weibull_balance(frequencies, 0.3, 5.0, 'official')
    )
    paper = MODELS.build(dict(type='WeibullBalanceLoss', k=0.4))
    torch.testing.assert_close(paper(p), weibull_balance(frequencies, 0.4, 1.0))
    entropy = EntropyBalanceLoss(loss_weight=3.0)
    torch.testing.assert_close(entropy(p), 3 * entropy_balance(frequencies))
    assert 'lambda_=5.0' in repr(weibull) and 'loss_weight=3.0' in repr(entropy)
    assert "function='exp'" in repr(build())


@pytest.mark.parametrize(
    ('cfg', 'message'),
    [
        (dict(type='PairwiseAffinityLoss', function='cube'), 'not .cube.'),
        (dict(type='PairwiseAffinityLoss', variant='code'), 'not .code.'),
        (dict(type='PairwiseAffinityLoss', positive_threshold=1.5), 'is no cosine'),
        (
            dict(type='PairwiseAffinityLoss', num_negatives=0),
            'leaves the negatives out',
        ),
        (dict(type='WeibullBalanceLoss', k=1.0), 'k must be above 0 and below 1'),
        (dict(type='WeibullBalanceLoss', variant='code'), 'not .code.'),
        (dict(type='WeibullBalanceLoss', loss_weight=-1), 'at least 0, not -1'),
        (dict(type='EntropyBalanceLoss', loss_name='entropy'), 'must start with'),
    ],
)
def test_bad_settings(cfg, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(cfg)
