import pytest
import torch
from mmseg.registry import MODELS

from mmseg_labelfree.ops import symmetric_cross_entropy


def make_loss(**kwargs):
    return MODELS.build(dict(type='SymmetricCrossEntropyLoss', **kwargs))


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 5, 7, generator=generator)
    label = torch.randint(0, 4, (2, 5, 7), generator=generator)
    label[0, 2] = 255
    return logits.requires_grad_(), label


def test_settings_reach_the_function(batch):
    loss = make_loss(xi1=0.3, xi2=0.7, least=1e-2)(*batch)
    pixels = symmetric_cross_entropy(*batch, 0.3, 0.7, 1e-2)
    torch.testing.assert_close(loss, pixels.mean())
    torch.testing.assert_close(
        make_loss()(*batch), symmetric_cross_entropy(*batch, 1.0, 0.5, 1e-4).mean()
    )


def test_equals_cross_entropy_of_mmseg_without_the_reverse_term(batch):
    logits, label = batch
    stock = MODELS.build(dict(type='CrossEntropyLoss'))
    got = make_loss(xi2=0.0)(logits, label)
    torch.testing.assert_close(got, stock(logits, label, ignore_index=255))


@pytest.mark.parametrize('setting', [dict(xi1=-1.0), dict(xi2=-1.0), dict(least=1.0)])
def test_bad_settings(setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        make_loss(**setting)
