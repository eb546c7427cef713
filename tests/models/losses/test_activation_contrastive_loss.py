import math

import pytest
import torch
import torch.nn.functional as F

from mmseg_labelfree.models.layers import PrototypeMemoryBank
from mmseg_labelfree.models.losses import ActivationContrastiveLoss

K, D, SIZE = 3, 4, (4, 5)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.randn(2, D, *SIZE, generator=generator)
    activations = torch.rand(2, K, 8, 10, generator=generator)
    labels = torch.tensor([[True, True, False], [False, True, False]])
    return embeddings.requires_grad_(), activations, labels


def make_bank(num_classes=K, **kwargs):
    return PrototypeMemoryBank(
        num_classes, D, length=500, background_length=None, **kwargs
    )


def members(activations, labels, beta=0.45):
    """Anchors and negatives of the nearest pixels, by U2PL+, eq. 29 and 31."""
    small = activations[:, :, ::2, ::2]
    present = labels[:, :, None, None].expand_as(small)
    return (small > beta) & present, ~present | (small < beta)


def rows(embeddings, member):
    return embeddings.detach().movedim(1, -1)[member]


def test_prototypes_queues_and_loss(batch):
    embeddings, activations, labels = batch
    anchors, negatives = members(activations, labels)
    bank = make_bank()
    loss = ActivationContrastiveLoss(
        num_anchors=400, num_negatives=200, negatives_per_image=99
    )
    assert torch.equal(loss.observe(embeddings, activations, labels, bank), anchors)
    assert bank.known.tolist() == [True, True, False]
    assert torch.equal(bank.filled, negatives.sum((0, 2, 3)))
    total = 0
    for cls in (0, 1):
        own = rows(embeddings, anchors[:, cls])
        torch.testing.assert_close(bank.prototypes[cls], own.mean(0))
        own, other = F.normalize(own), F.normalize(rows(embeddings, negatives[:, cls]))
        start = bank.offset[cls]
        torch.testing.assert_close(bank.queues[start : start + len(other)], other)
        positive = F.normalize(bank.prototypes[cls], dim=0)
        # Expectation over the draws, but for the logarithm of a mean.
        mean = (own @ other.T / 0.5).exp().mean(1)
        one = (own @ positive / 0.5).exp()
        total += -(one / (one + 200 * mean)).log().mean()
    value = loss(embeddings, anchors, bank)
    torch.testing.assert_close(value, total / K, rtol=0.03, atol=0)
    value.backward()
    touched = embeddings.grad.abs().sum(1) > 0
    assert not (touched & ~anchors.any(1)).any()
    # A later batch moves the prototypes by their momentum.
    before = bank.prototypes.clone()
    loss.observe(embeddings + 1, activations, labels, bank)
    torch.testing.assert_close(bank.prototypes[:2], before[:2] + 0.001)


def test_few_negatives_of_each_image_enter(batch):
    embeddings, activations, labels = batch
    bank = make_bank()
    loss = ActivationContrastiveLoss(num_anchors=3)
    loss.observe(embeddings, activations, labels, bank)
    assert bank.filled.tolist() == [6, 6, 6]
    bank = make_bank()
    loss = ActivationContrastiveLoss(negatives_per_image=2, negatives=['absent'])
    loss.observe(embeddings, activations, labels, bank)
    assert bank.filled.tolist() == [2, 0, 4]


def test_padding_is_nothing(batch):
    embeddings, activations, labels = batch
    valid = torch.zeros(2, 8, 10, dtype=torch.bool)
    valid[0, :4, :6] = True
    bank = make_bank()
    loss = ActivationContrastiveLoss(negatives_per_image=99)
    anchors = loss.observe(embeddings, activations, labels, bank, valid)
    assert anchors[0, :, :2, :3].any()
    assert not anchors[0, :, 2:].any() and not anchors[0, :, :, 3:].any()
    assert not anchors[1].any()
    assert bank.filled[2] == 6  # all pixels of the corner


def test_background_has_a_class_if_asked_for(batch):
    embeddings, activations, labels = batch
    loss = ActivationContrastiveLoss(background=True)
    bank = make_bank(1 + K)
    anchors = loss.observe(embeddings, activations, labels, bank)
    small = activations[:, :, ::2, ::2] * labels[:, :, None, None]
    assert torch.equal(anchors[:, 0], 1 - small.amax(1) > 0.45)
    with pytest.raises(ValueError, match=r'set memory_bank.num_classes=4'):
        loss.observe(embeddings, activations, labels, make_bank())


def test_nothing_to_contrast_is_zero_and_attached(batch):
    embeddings, activations, labels = batch
    loss, bank = ActivationContrastiveLoss(), make_bank()
    anchors = loss.observe(embeddings, activations, torch.zeros_like(labels), bank)
    value = loss(embeddings, anchors, bank)
    value.backward()
    assert value == 0 and not embeddings.grad.any()


def test_the_same_draws_from_the_same_seed(batch):
    embeddings, activations, labels = batch
    values = []
    for _ in range(2):
        generator, bank = torch.Generator().manual_seed(5), make_bank()
        loss = ActivationContrastiveLoss(num_anchors=4, num_negatives=2)
        anchors = loss.observe(
            embeddings, activations, labels, bank, generator=generator
        )
        values.append(loss(embeddings, anchors, bank, generator).item())
    assert values[0] == values[1] and math.isfinite(values[0])


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        (dict(threshold=1.0), 'threshold must be between'),
        (dict(negatives=['unlikely']), "negatives='unlikely' is unknown"),
        (dict(negatives_per_image=0), 'negatives_per_image must be at least 1'),
        (dict(num_anchors=0), 'num_anchors and num_negatives'),
    ],
)
def test_wrong_settings(kwargs, message):
    with pytest.raises(ValueError, match=message):
        ActivationContrastiveLoss(**kwargs)
