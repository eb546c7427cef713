import pytest
import torch
import torch.nn.functional as F

from mmseg_labelfree.ops.partial_cross_entropy import (
    image_mean_weights,
    partial_cross_entropy,
)


def test_is_the_cross_entropy_of_the_labeled_pixels():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 5, 6, generator=generator).requires_grad_()
    label = torch.randint(0, 6, (2, 5, 6), generator=generator)
    label = torch.where(label == 4, 254, torch.where(label == 5, 255, label))
    got = partial_cross_entropy(logits, label)
    known = label.masked_fill(label == 254, 255)
    want = F.cross_entropy(logits, known, ignore_index=255, reduction='none')
    torch.testing.assert_close(got, want)
    (grad,) = torch.autograd.grad(got.sum(), logits)
    assert torch.equal((grad != 0).any(1), label < 254)
    other = torch.where(label == 254, 77, label)
    assert torch.equal(partial_cross_entropy(logits, other, unlabeled_index=77), got)


def test_each_kind_has_its_own_denominator_in_each_image():
    loss = torch.tensor([[[1.0, 2.0, 6.0]], [[3.0, 5.0, 7.0]], [[9.0, 9.0, 9.0]]])
    first = torch.tensor([[[1, 1, 0]], [[1, 0, 0]], [[0, 0, 0]]]).bool()
    second = torch.tensor([[[0, 0, 1]], [[0, 0, 0]], [[0, 0, 0]]]).bool()
    assert (loss * image_mean_weights(first)).sum().item() == pytest.approx(4.5 / 3)
    both = image_mean_weights(first, second)
    assert (loss * both).sum().item() == pytest.approx(10.5 / 3)
