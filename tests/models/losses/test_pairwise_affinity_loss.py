import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS

from mmseg_labelfree.ops import (
    draw_rotations,
    negative_pair_loss,
    positive_pair_loss,
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
def test_settings_reach_the_functions(variant, centered):
    p, e = batch()
    loss = build(
        function='linear',
        weighted=False,
        negative_weight=2.0,
        positive_threshold=0.3,
        negative_threshold=0.25,
        variant=variant,
        centered=centered,
    )
    found = loss(p, e, torch.Generator().manual_seed(1))
    if centered:
        mean = torch.stack(e).mean((0, 1, 3, 4))[:, None, None]
        e = [x - mean for x in e]
    units = [F.normalize(x, dim=1) for x in e]
    options = dict(function='linear', weighted=False)
    positive = positive_pair_loss(*p, *units, 0.3, **options)
    rotations = draw_rotations(4, 3, torch.Generator().manual_seed(1), variant)
    if variant == 'official':  # first crops with first crops
        p, units = [p[0], p[0]], [units[0], units[0]]
    negative = negative_pair_loss(
        *p, *units, rotations, 0.25, variant=variant, **options
    )
    assert found.keys() == {'loss_positive', 'loss_negative'}
    torch.testing.assert_close(found['loss_positive'], positive)
    torch.testing.assert_close(found['loss_negative'], 2 * negative)
    assert positive > 0 and negative > 0


def test_without_negatives_any_batch_will_do():
    p, e = batch(1)
    assert build(negative_weight=0)(p, e).keys() == {'loss_positive'}
    with pytest.raises(ValueError, match='3 negatives for each image need a batch'):
        build()(p, e)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(function='cube'), "function='cube' is unknown"),
        (dict(variant='code'), "got 'code'"),
        (dict(positive_threshold=1.5), 'is no cosine'),
        (dict(num_negatives=0), 'leaves the negatives out'),
        (dict(negative_weight=-1), 'at least 0, got 3 and -1'),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        build(**settings)


def test_repr_shows_the_settings():
    assert "function='exp'" in repr(build())
