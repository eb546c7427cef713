import pytest
import torch
from torch.testing import assert_close

from mmseg_labelfree.ops import image_presence_loss


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 5, 6, dtype=torch.double, generator=generator)
    label = torch.full((3, 5, 6), 254)
    label[0, :2] = 255
    present = torch.tensor([[1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]]).bool()
    return 3 * logits, label, present


def slow(logits, label, present):
    """Image by image, class by class and pixel by pixel."""
    losses = []
    for x, y, here in zip(logits, label, present, strict=True):
        q = x.softmax(0)
        terms = [[], []]
        for c in range(4):
            pixels = [q[c, i, j] for i, j in (y != 255).nonzero().tolist()]
            best = max(pixels)
            terms[here[c]].append(-(best if here[c] else 1 - best).log())
        losses.append(sum(sum(t) / len(t) for t in terms if t))
    return torch.stack(losses)


def test_by_loops(batch):
    logits, label, present = batch
    logits.requires_grad_()
    found, want = image_presence_loss(*batch), slow(*batch)
    assert_close(found, want)
    assert_close(
        torch.autograd.grad(found.sum(), logits),
        torch.autograd.grad(want.sum(), logits),
    )


def test_gradcheck(batch):
    logits, label, present = batch
    assert torch.autograd.gradcheck(
        lambda x: image_presence_loss(x, label, present), logits.requires_grad_()
    )


def test_a_surely_wrong_class_costs_a_finite_loss():
    logits = torch.tensor([0.0, 200.0]).view(1, 2, 1, 1).requires_grad_()
    label = torch.zeros(1, 1, 1, dtype=torch.long)
    loss = image_presence_loss(logits, label, torch.tensor([[True, False]]))
    loss.sum().backward()
    assert loss.item() == pytest.approx(400.0)
    assert logits.grad.flatten().tolist() == pytest.approx([-2.0, 2.0])


def test_an_image_without_pixels_costs_nothing(batch):
    logits, label, present = batch
    label[1] = 255
    loss = image_presence_loss(logits.requires_grad_(), label, present)
    loss.sum().backward()
    assert loss[1] == 0
    assert logits.grad.isfinite().all()
    assert not logits.grad[1].any()


def test_other_classes(batch):
    logits, label, present = batch
    with pytest.raises(ValueError, match=r'class_set must be bool of shape \(3, 4\)'):
        image_presence_loss(logits, label, present[:, :3])
