import pytest
import torch

from mmseg_labelfree.models.losses import IncrementalBCELoss
from mmseg_labelfree.ops import incremental_bce


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 6, 5, 7, generator=generator)
    label = torch.randint(3, 6, (2, 5, 7), generator=generator)
    label[:, :2] = 0
    label[0, 2] = 255
    return logits.requires_grad_(), label


@pytest.mark.parametrize('variant', ['paper', 'official'])
def test_sum_over_classes_mean_over_pixels(batch, variant):
    logits, label = batch
    pixels = incremental_bce(logits, label, 3, variant)
    loss = IncrementalBCELoss(3, variant)(logits, label)
    torch.testing.assert_close(loss, pixels.sum() / 70)


def test_variants_differ_in_the_old_classes(batch):
    logits, label = batch
    grads = {}
    for variant in ('paper', 'official'):
        loss = IncrementalBCELoss(3, variant)(logits, label)
        (grads[variant],) = torch.autograd.grad(loss, logits)
    assert (grads['paper'][:, 1:3] == 0).all()
    valid = (label != 255)[:, None].expand(2, 2, 5, 7)
    assert (grads['official'][:, 1:3][valid] > 0).all()  # pushed down everywhere
    rest = [0, 3, 4, 5]
    assert torch.equal(grads['paper'][:, rest], grads['official'][:, rest])


def test_the_default_is_the_paper():
    assert IncrementalBCELoss(2).variant == 'paper'
    with pytest.raises(ValueError, match="'paper' or 'official', got 'x'"):
        IncrementalBCELoss(2, variant='x')
