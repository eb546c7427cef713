from collections import deque

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from mmseg.registry import MODELS

from mmseg_labelfree.models.layers.memory_bank import PrototypeMemoryBank
from mmseg_labelfree.ops.reliability import reliable_pixel_weight, split_by_entropy


def make_bank(**kwargs):
    settings = dict(num_classes=3, channels=4, length=5, background_length=8)
    return MODELS.build(dict(type='PrototypeMemoryBank', **settings | kwargs))


def queue(bank, c):
    """Rows of class c, oldest first."""
    start = int(bank.offset[c])
    rows = bank.queues[start : start + int(bank.capacity[c])]
    return rows.roll(-int(bank.pointer[c]), 0)[len(rows) - int(bank.filled[c]) :]


def test_sizes_are_fixed_and_outside_the_state_dict():
    bank = PrototypeMemoryBank(21, 8)
    assert bank.capacity.tolist() == [50000] + 20 * [30000]
    assert bank.queues.shape == (650000, 8)
    assert not bank.state_dict()
    assert not list(bank.parameters())
    assert make_bank(background_length=None).capacity.tolist() == [5, 5, 5]
    assert make_bank(dtype='float16').queues.dtype == torch.float16


def test_rows_that_are_not_finite_enter_no_queue():
    bank = make_bank()
    rows = torch.tensor([[1.0, 0, 0, 0], [torch.nan, 0, 0, 0], [0, torch.inf, 0, 0]])
    bank.push(rows, torch.zeros(3, dtype=torch.long))
    assert bank.filled.tolist() == [1, 0, 0]
    maps = rows.t().view(1, 4, 1, 3)
    bank.update_prototypes(maps, torch.tensor([[[0, 0, 1]]]))
    assert bank.known.tolist() == [True, False, False]
    assert bank.prototypes.isfinite().all()


def test_push_by_ids_and_by_membership():
    generator = torch.Generator().manual_seed(0)
    bank, other = make_bank(), make_bank()
    deques = [deque(maxlen=8), deque(maxlen=5), deque(maxlen=5)]
    for _ in range(4):
        features = torch.randn(9, 4, generator=generator)
        classes = torch.randint(0, 4, (9,), generator=generator)
        classes[classes == 3] = 255
        bank.push(features, classes)
        other.push(features, classes[:, None] == torch.arange(3))
        for row, c in zip(features, classes.tolist(), strict=True):
            if c != 255:
                deques[c].append(F.normalize(row, dim=0))
    for c, rows in enumerate(deques):
        torch.testing.assert_close(queue(bank, c), torch.stack(list(rows)))
    assert torch.equal(bank.queues, other.queues)
    bank.push(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))
    assert torch.equal(bank.queues, other.queues)


@pytest.mark.parametrize('channels_last', [False, True])
def test_push_map_enters_pixels_in_their_order(channels_last):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 4, 2, 3, generator=generator)
    member = torch.rand(2, 3, 2, 3, generator=generator) < 0.4
    before = features.clone()
    if channels_last:
        features = features.contiguous(memory_format=torch.channels_last)
    bank = make_bank()
    bank.push_map(features, member)
    for c in range(3):
        rows = [features[n, :, y, x] for n, y, x in member[:, c].nonzero().tolist()]
        rows = F.normalize(torch.stack(rows), dim=1)[-int(bank.capacity[c]) :]
        torch.testing.assert_close(queue(bank, c), rows)
    assert torch.equal(features, before)


def test_without_memory_it_holds_one_batch():
    kept, cleared = (
        PrototypeMemoryBank(3, channels=2, length=10, keep=keep)
        for keep in (True, False)
    )
    for bank in (kept, cleared):
        bank.push(torch.full((4, 2), 1.0), torch.tensor([0, 1, 1, 2]))
        bank.push(torch.full((2, 2), 5.0), torch.tensor([1, 1]))
    assert kept.filled.tolist() == [1, 4, 1]
    assert cleared.filled.tolist() == [0, 2, 0]
    start = int(cleared.offset[1])
    unit = torch.full((2, 2), 0.5**0.5)
    torch.testing.assert_close(cleared.queues[start : start + 2], unit)


def test_prototypes_move():
    bank = make_bank(momentum=0.75)
    features = torch.tensor([[1.0, 2.0], [3.0, 6.0]]).view(1, 1, 2, 2)
    features = features.expand(1, 4, 2, 2)
    labels = torch.tensor([[[0, 0], [2, 255]]])
    bank.update_prototypes(features, labels)
    assert bank.prototypes[:, 0].tolist() == [1.5, 0.0, 3.0]
    assert bank.known.tolist() == [True, False, True]
    bank.update_prototypes(2 * features, labels)
    assert bank.prototypes[:, 3].tolist() == [1.875, 0.0, 3.75]
    torch.testing.assert_close(bank.unit_prototypes()[0], torch.full((4,), 0.5))
    assert not bank.unit_prototypes()[1].any()


def test_contents_and_restore():
    generator = torch.Generator().manual_seed(0)
    bank = make_bank()
    for _ in range(3):
        classes = torch.randint(0, 2, (4,), generator=generator)
        bank.push(torch.randn(4, 4, generator=generator), classes)
    labels = torch.zeros(1, 1, 2, dtype=torch.long)
    bank.update_prototypes(torch.randn(1, 4, 1, 2, generator=generator), labels)
    saved = bank.contents()
    assert len(saved['queues']) == bank.filled.sum() < len(bank.queues)
    restored = make_bank()
    restored.push(torch.ones(30, 4), torch.arange(30) % 3)
    restored.restore(saved)
    for (name, want), (_, got) in zip(
        bank.named_buffers(), restored.named_buffers(), strict=True
    ):
        assert torch.equal(got, want), name
    # What was saved is a copy, and both go on alike.
    row = torch.randn(1, 4, generator=generator)
    for each in (bank, restored):
        each.push(row, torch.tensor([0]))
    assert torch.equal(bank.queues, restored.queues)
    assert saved['pointer'][0] != bank.pointer[0]


def test_bad_arguments():
    bank = make_bank()
    with pytest.raises(ValueError, match='features'):
        bank.push(torch.zeros(2, 5), torch.zeros(2, dtype=torch.long))
    with pytest.raises(ValueError, match='3 classes, got 4'):
        bank.push(torch.zeros(2, 4), torch.zeros(2, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match=r'\[8, 5, 5\].*\[9, 5, 5\]'):
        make_bank(background_length=9).restore(bank.contents())
    with pytest.raises(ValueError, match='length'):
        make_bank(length=0)
    with pytest.raises(ValueError, match='momentum'):
        make_bank(momentum=1.1)
    with pytest.raises(ValueError, match='dtype'):
        make_bank(dtype='int8')


def batch_of(rank):
    """Rank 1 has fewer rows; later, none."""
    generator = torch.Generator().manual_seed(rank)
    size = (7, 3)[rank]
    return (
        torch.randn(size, 4, generator=generator),
        torch.randint(0, 3, (size,), generator=generator),
        torch.randn(2, 4, 3, 3, generator=generator),
        torch.randint(0, 3, (2, 3, 3), generator=generator),
        torch.rand(2, 3, 3, generator=generator),
        torch.rand(2, 3, 3, generator=generator) < (0.9, 0.4)[rank],
    )


def push_and_split():
    """What a process pushes, averages and splits: buffers and results by name."""
    rank = dist.get_rank()
    bank = make_bank(length=4)
    rows, classes, maps, labels, entropy, valid = batch_of(rank)
    bank.push(rows, classes)
    if rank == 1:
        rows, classes = rows[:0], classes[:0]
    bank.push(rows.flip(0), classes.flip(0))
    bank.update_prototypes(maps, labels)
    part = split_by_entropy(entropy, 0.2, valid)
    weight = reliable_pixel_weight(labels.masked_fill(~part.reliable, 255))
    # A process without unlabeled images takes part as well.
    alone = split_by_entropy(entropy[: 2 * (1 - rank)], 0.2)
    return dict(
        bank.named_buffers(),
        threshold=part.threshold,
        weight=weight,
        alone=alone.threshold,
    )


def test_two_processes(in_two_processes):
    first, second = in_two_processes(push_and_split)
    for name, value in first.items():
        assert torch.equal(value, second[name]), name

    # One process with the batches of both, half of a queue for each.
    (rows0, classes0, *rest0), (rows1, classes1, *rest1) = batch_of(0), batch_of(1)
    bank = make_bank(length=4)
    for groups in (
        [(rows0, classes0), (rows1, classes1)],
        [(rows0.flip(0), classes0.flip(0))],
    ):
        for rows, classes in groups:
            kept = [
                i
                for i, c in enumerate(classes)
                if (classes[i:] == c).sum() <= bank.capacity[c] // 2
            ]
            bank.push(rows[kept], classes[kept])
    maps, labels, entropy, valid = (
        torch.cat(pair) for pair in zip(rest0, rest1, strict=True)
    )
    bank.update_prototypes(maps, labels)
    part = split_by_entropy(entropy, 0.2, valid)
    for name, want in bank.named_buffers():
        torch.testing.assert_close(first[name], want)
    assert first['threshold'] == part.threshold
    labels = labels.masked_fill(~part.reliable, 255)
    assert first['weight'] == reliable_pixel_weight(labels)
    assert first['alone'] == split_by_entropy(rest0[2], 0.2).threshold
