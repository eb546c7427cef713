import copy
import logging

import pytest
import torch
import torch.nn.functional as F
from mmengine.logging import MMLogger
from mmseg.registry import MODELS

from mmseg_labelfree.models.layers.memory_bank import PrototypeMemoryBank
from mmseg_labelfree.models.losses import bank_contrast as module

C, D = 5, 6


def make_loss(official=False, **kwargs):
    settings = dict(
        num_anchors=8, num_negatives=3, low_rank=1, high_rank=4, loss_weight=0.1
    )
    kind = 'U2PLOfficialContrastiveLoss' if official else 'MemoryBankContrastiveLoss'
    return MODELS.build(dict(type=kind, **settings | kwargs))


def members(labels):
    """Labels as the loss of the authors' code takes them, of each image by itself."""
    return labels[:, None] == torch.arange(C)[:, None, None]


def make_bank(queues=((0, 1), (1, 1), (2, 1), (3, 1), (4, 1)), known=range(C)):
    """Queues of the given (class, number of rows)."""
    generator = torch.Generator().manual_seed(7)
    bank = PrototypeMemoryBank(C, D, length=4, background_length=None)
    for c, rows in queues:
        features = torch.randn(rows, D, generator=generator)
        bank.push(features, torch.full((rows,), c))
    for c in known:
        bank.prototypes[c] = torch.randn(D, generator=generator)
        bank.known[c] = True
    return bank


def make_maps(classes=(0, 1, 2, 3, 4)):
    """Two images whose pixels repeat ``classes``; the teacher agrees with them."""
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.randn(2, D, 3, 5, generator=generator).requires_grad_()
    labels = torch.tensor(classes).repeat(30)[:30].view(2, 3, 5)
    logits = 3 * F.one_hot(labels, C).movedim(3, 1).float()
    logits += 0.1 * torch.randn(logits.shape, generator=generator)
    reliable = torch.ones(2, 3, 5, dtype=torch.bool)
    return embeddings, logits, labels, reliable


def expected(embeddings, labels, bank, anchor, negative, temperature):
    """Mean loss of all draws of one anchor class against a queue of one row."""
    losses = []
    row = bank.queues[bank.offset[negative]]
    for n, y, x in (labels == anchor).nonzero().tolist():
        z = embeddings[n, :, y, x]
        own = torch.cosine_similarity(z, bank.prototypes[anchor], dim=0)
        other = torch.cosine_similarity(z, row, dim=0)
        top = (own / temperature).exp()
        losses.append(-(top / (top + 3 * (other / temperature).exp())).log())
    return torch.stack(losses)


def one_pixel_per_class():
    embeddings, logits, labels, reliable = make_maps()
    reliable = torch.zeros_like(reliable)
    reliable[1, 2] = True  # 0 1 2 3 4
    return embeddings, logits, labels, reliable


def test_value_and_gradient_with_one_anchor_and_one_negative_per_class():
    embeddings, logits, labels, reliable = one_pixel_per_class()
    bank = make_bank(queues=[(0, 1), (1, 1), (3, 1), (4, 1)], known=[0, 1, 2, 3])
    # Class 2 has no negatives, class 4 no prototype.
    loss = make_loss(temperature=0.3)(embeddings, logits, labels, reliable, bank)
    chosen = labels.where(reliable, 255)
    terms = [expected(embeddings, chosen, bank, c, c, 0.3).mean() for c in (0, 1, 3)]
    want = 0.1 * sum(terms) / C
    torch.testing.assert_close(loss, want)
    (grad,) = torch.autograd.grad(loss, embeddings)
    (want_grad,) = torch.autograd.grad(want, embeddings)
    torch.testing.assert_close(grad, want_grad)


def test_mean_of_many_anchors_and_the_probability_threshold():
    embeddings, logits, labels, reliable = make_maps()
    logits[0, :, 0] = 0.0  # p = 0.2: no anchors in this row
    chosen = labels.clone()
    chosen[0, 0] = 255
    bank = make_bank()
    loss = make_loss(num_anchors=20000)
    generator = torch.Generator().manual_seed(0)
    got = loss(embeddings, logits, labels, reliable, bank, generator)
    means = [expected(embeddings, chosen, bank, c, c, 0.5).mean() for c in range(C)]
    torch.testing.assert_close(got, 0.1 * sum(means) / C, rtol=5e-3, atol=0)
    (grad,) = torch.autograd.grad(got, embeddings)
    assert not grad[0, :, 0].any()
    assert grad[0, :, 1].abs().sum(0).all()


def test_official_index_bug():
    embeddings, logits, labels, reliable = one_pixel_per_class()
    # Present: 1, 2, 4. Slots 0 and 3 of the anchors are empty, so anchors of
    # class 1 meet negatives of the second class present, those of 2 of the third.
    reliable[1, 2, 0] = reliable[1, 2, 3] = False
    bank = make_bank()
    loss = make_loss(official=True, loss_weight=1.0)
    got = loss(embeddings, logits, members(labels), reliable, bank)
    chosen = labels.where(reliable, 255)
    terms = [
        expected(embeddings, chosen, bank, anchor, negative, 0.5).mean()
        for anchor, negative in ((1, 2), (2, 4))
    ]
    torch.testing.assert_close(got, sum(terms) / 3)
    # One class alone costs nothing.
    reliable[1, 2] = torch.tensor([True, False, False, False, False])
    assert loss(embeddings, logits, members(labels), reliable, bank) == 0


def test_official_counts_classes_below_the_probability_threshold():
    embeddings, logits, labels, reliable = one_pixel_per_class()
    logits[1, :, 2, 0] = 0.0
    bank = make_bank()
    got = make_loss(official=True, loss_weight=1.0)(
        embeddings, logits, members(labels), reliable, bank
    )
    chosen = labels.where(reliable, 255)
    terms = [expected(embeddings, chosen, bank, c, c, 0.5).mean() for c in range(1, C)]
    torch.testing.assert_close(got, sum(terms) / 5)


@pytest.mark.parametrize('official', [False, True])
def test_all_classes_at_once_as_on_a_gpu(official, monkeypatch):
    embeddings, logits, labels, reliable = make_maps((0, 1, 3))
    bank = make_bank(queues=[(0, 2), (1, 3), (2, 1)], known=[0, 1, 2])
    loss = make_loss(official)
    labels = members(labels) if official else labels
    results = []
    for drops in (True, False):
        monkeypatch.setattr(module, 'drops_unused', lambda device, d=drops: d)
        generator = torch.Generator().manual_seed(0)
        value = loss(embeddings, logits, labels, reliable, bank, generator)
        results.append((value, *torch.autograd.grad(value, embeddings)))
    torch.testing.assert_close(*results)
    assert results[0][0] > 0


@pytest.mark.parametrize('drops', [True, False])
@pytest.mark.parametrize(
    ('case', 'reason'),
    [
        ('unreliable', 'anchors, pixels'),
        ('unlabeled', 'anchors, pixels'),
        ('empty bank', 'no negatives'),
        ('other classes', 'no negatives'),
        ('no prototypes', 'prototype'),
    ],
)
def test_nothing_to_compare(case, reason, drops, monkeypatch):
    monkeypatch.setattr(module, 'drops_unused', lambda device: drops)
    embeddings, logits, labels, reliable = make_maps((0, 1))
    bank = make_bank()
    if case == 'unreliable':
        reliable[:] = False
    elif case == 'unlabeled':
        labels[:] = 255
    elif case == 'empty bank':
        bank = make_bank(queues=[])
    elif case == 'other classes':
        bank = make_bank(queues=[(3, 4)])
    else:
        bank = make_bank(known=[])
    loss = make_loss()
    for _ in range(2):
        value = loss(embeddings, logits, labels, reliable, bank)
        assert value == 0
        (grad,) = torch.autograd.grad(value, embeddings)
        assert torch.equal(grad, torch.zeros_like(grad))
    messages = logged(loss.report_idle)
    assert len(messages) == 1
    assert reason in messages[0]
    assert 'in 2 step(s)' in messages[0]
    assert not logged(loss.report_idle)


def logged(function, *args):
    """Messages that a function writes into the current logger."""
    messages = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    try:
        function(*args)
    finally:
        logger.removeHandler(handler)
    return messages


def test_working_steps_report_nothing():
    embeddings, logits, labels, reliable = make_maps()
    loss = make_loss()
    assert loss(embeddings, logits, labels, reliable, make_bank()) > 0
    assert not logged(loss.report_idle)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision(dtype):
    embeddings, logits, labels, reliable = make_maps()
    half = embeddings.detach().to(dtype).requires_grad_()
    bank = make_bank()
    loss = make_loss()
    with torch.autocast('cpu', torch.bfloat16):
        generator = torch.Generator().manual_seed(0)
        got = loss(half, logits.to(dtype), labels, reliable, bank, generator)
    generator = torch.Generator().manual_seed(0)
    exact = half.detach().double()
    want = loss(exact, logits.to(dtype), labels, reliable, bank, generator)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, want.float())
    got.backward()
    assert half.grad.dtype == dtype
    assert half.grad.isfinite().all()


def test_channels_last_embeddings_have_a_channels_last_gradient():
    embeddings, logits, labels, reliable = make_maps()
    bank = make_bank()
    results = []
    for layout in (torch.contiguous_format, torch.channels_last):
        leaf = embeddings.detach().contiguous(memory_format=layout).requires_grad_()
        generator = torch.Generator().manual_seed(0)
        loss = make_loss()(leaf, logits, labels, reliable, bank, generator)
        (grad,) = torch.autograd.grad(loss, leaf)
        assert grad.is_contiguous(memory_format=layout)
        results.append((loss, grad))
    torch.testing.assert_close(*results)


def test_push_negatives():
    embeddings, logits, labels, _ = make_maps()
    unreliable = torch.zeros(2, 3, 5, dtype=torch.bool)
    unreliable[1, 0, :2] = True
    bank = make_bank(queues=[])
    rank = logits.argsort(dim=1, descending=True).argsort(dim=1)
    loss = make_loss(low_rank=2)
    loss.push_negatives(bank, embeddings, logits, labels, unreliable, 1)
    want = torch.zeros_like(bank.filled)
    for c in range(C):
        labeled = (labels[0] != c) & (rank[0, c] < 2)
        unlabeled = unreliable[1] & (rank[1, c] >= 2) & (rank[1, c] < 4)
        want[c] = min(4, int(labeled.sum() + unlabeled.sum()))
    assert torch.equal(bank.filled, want)
    assert want.sum() > 0
    official = make_loss(official=True, low_rank=2)
    bank = make_bank(queues=[])
    official.push_negatives(bank, embeddings, logits, members(labels), unreliable, 1)
    assert not bank.filled.any()
    pseudo = logits.argsort(dim=1, descending=True)[:, 2]
    official.push_negatives(bank, embeddings, logits, members(pseudo), unreliable, 1)
    assert bank.filled.sum() == 2


def test_few_classes_lower_the_ranks_and_say_so_once():
    embeddings, logits, labels, _ = make_maps()
    unreliable = torch.ones(2, 3, 5, dtype=torch.bool)
    bank = make_bank(queues=[])
    loss = make_loss(low_rank=3, high_rank=20)
    arguments = (bank, embeddings, logits, labels, unreliable, 0)
    (message,) = logged(loss.push_negatives, *arguments)
    assert 'with 5 classes' in message
    assert 'rank 3 to 4' in message
    assert bank.filled.tolist() == 5 * [4]
    assert not logged(loss.push_negatives, *arguments)
    assert not logged(make_loss().push_negatives, *arguments)


def test_is_no_part_of_a_checkpoint_and_can_be_copied():
    loss = make_loss(num_anchors=256, num_negatives=50)
    assert not loss.state_dict()
    assert copy.deepcopy(loss).num_negatives == 50


def test_bad_arguments():
    for name, value in (
        ('num_anchors', 0),
        ('temperature', 0.0),
        ('low_rank', 4),
    ):
        with pytest.raises(ValueError, match=name):
            make_loss(**{name: value})
