import pytest
import torch

from mmseg_labelfree.models.losses import WeibullBalanceLoss
from mmseg_labelfree.ops import cluster_frequencies, weibull_balance


def test_settings_reach_the_function():
    generator = torch.Generator().manual_seed(0)
    p = torch.randn(4, 3, 2, 3, generator=generator).softmax(1)
    frequencies = cluster_frequencies(p)
    loss = WeibullBalanceLoss(variant='official', lambda_=5.0, loss_weight=0.5)
    want = 0.5 * weibull_balance(frequencies, 0.3, 5.0, 'official')
    torch.testing.assert_close(loss(p), want)
    loss = WeibullBalanceLoss(k=0.4)
    torch.testing.assert_close(loss(p), weibull_balance(frequencies, 0.4, 1.0))


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(k=1.0), 'k must be above 0 and below 1'),
        (dict(lambda_=0.0), 'lambda_ above 0, got 0.3 and 0.0'),
        (dict(variant='code'), "got 'code'"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        WeibullBalanceLoss(**settings)
