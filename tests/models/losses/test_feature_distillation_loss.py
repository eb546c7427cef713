import pytest
import torch
from mmseg.registry import MODELS

from mmseg_labelfree.models.losses import FeatureDistillationLoss
from mmseg_labelfree.ops import feature_distillation


def features(seed):
    return torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(seed))


def test_is_the_weighted_function():
    loss = MODELS.build(dict(type='FeatureDistillationLoss', loss_weight=100.0))
    want = 100 * feature_distillation(features(0), features(1))
    torch.testing.assert_close(loss(features(0), features(1)), want)


def test_last_of_several_features():
    student, teacher = ([features(s + k) for s in (0, 10, 20)] for k in (0, 1))
    last = FeatureDistillationLoss()(tuple(student), teacher)
    assert torch.equal(last, FeatureDistillationLoss()(student[2], teacher[2]))


def test_level_says_what_is_compared():
    assert FeatureDistillationLoss('decoder').compares == 'decoder'
    assert FeatureDistillationLoss().compares == 'backbone'
    with pytest.raises(ValueError, match="'neck' is unknown; use one of 'backbone'"):
        FeatureDistillationLoss('neck')
