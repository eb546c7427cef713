import torch

from mmseg_labelfree.models.losses import EntropyBalanceLoss
from mmseg_labelfree.ops import cluster_frequencies, entropy_balance


def test_is_the_weighted_function():
    generator = torch.Generator().manual_seed(0)
    p = torch.randn(4, 3, 2, 3, generator=generator).softmax(1)
    want = 3 * entropy_balance(cluster_frequencies(p))
    torch.testing.assert_close(EntropyBalanceLoss(loss_weight=3.0)(p), want)
