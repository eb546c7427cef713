from collections import deque

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmseg_labelfree.ops.feature_bank import newest_rows, push_rows_, sample_queues


class Bank:
    def __init__(self, capacity, channels, dtype=torch.float32):
        self.capacity = torch.tensor(capacity)
        self.offset = self.capacity.cumsum(0) - self.capacity
        self.pointer = torch.zeros_like(self.capacity)
        self.filled = torch.zeros_like(self.capacity)
        self.storage = torch.zeros(sum(capacity), channels, dtype=dtype)

    def push(self, features, member):
        push_rows_(
            self.storage,
            self.offset,
            self.capacity,
            self.pointer,
            self.filled,
            features,
            member,
        )

    def queue(self, c):
        """Rows of class c, oldest first."""
        start = int(self.offset[c])
        rows = self.storage[start : start + int(self.capacity[c])]
        filled, pointer = int(self.filled[c]), int(self.pointer[c])
        return rows.roll(-pointer, 0)[len(rows) - filled :]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(1, 7), min_size=1, max_size=4),
    st.lists(st.integers(0, 12), min_size=1, max_size=5),
    st.integers(0, 2**16),
)
def test_queues_are_deques(capacity, sizes, seed):
    generator = torch.Generator().manual_seed(seed)
    bank = Bank(capacity, 3)
    deques = [deque(maxlen=length) for length in capacity]
    storage = bank.storage.data_ptr()
    for size in sizes:
        features = torch.randn(size, 3, generator=generator)
        member = torch.rand(size, len(capacity), generator=generator) < 0.5
        bank.push(features, member)
        for row, classes in zip(features, member, strict=True):
            for c in classes.nonzero()[:, 0].tolist():
                deques[c].append(row / row.norm())
        for c, expected in enumerate(deques):
            assert bank.filled[c] == len(expected)
            want = torch.stack(list(expected)) if expected else torch.zeros(0, 3)
            torch.testing.assert_close(bank.queue(c), want)
    assert bank.storage.data_ptr() == storage


def test_push_in_half_precision_and_in_many_blocks():
    features = torch.randn(9000, 256, generator=torch.Generator().manual_seed(0))
    bank = Bank([4000, 6000], 256, torch.float16)
    bank.push(features.bfloat16(), torch.ones(9000, 2, dtype=torch.bool))
    want = torch.nn.functional.normalize(features.bfloat16().float(), dim=1).half()
    # Up to one rounding.
    torch.testing.assert_close(bank.queue(0), want[-4000:], rtol=1e-3, atol=0)
    torch.testing.assert_close(bank.queue(1), want[-6000:], rtol=1e-3, atol=0)


def test_float64_and_zero_rows():
    bank = Bank([4], 3)
    bank.push(torch.eye(3).double() * 5, torch.ones(3, 1, dtype=torch.bool))
    bank.push(torch.zeros(1, 3), torch.ones(1, 1, dtype=torch.bool))
    assert torch.equal(bank.queue(0), torch.cat([torch.eye(3), torch.zeros(1, 3)]))


def test_newest_rows():
    member = torch.tensor([[1, 1], [1, 0], [0, 1], [1, 1]], dtype=torch.bool)
    got = newest_rows(member, torch.tensor([2, 0]))
    assert got.tolist() == [[0, 0], [1, 0], [0, 0], [1, 0]]


def test_samples_come_from_the_own_queue_uniformly():
    offset, filled = torch.tensor([0, 10, 30]), torch.tensor([4, 0, 3])
    generator = torch.Generator().manual_seed(0)
    index = sample_queues(torch.tensor([2, 0, 2, 1]), offset, filled, 6000, generator)
    assert index.shape == (4, 6000)
    for row, places in ((0, [30, 31, 32]), (1, [0, 1, 2, 3]), (2, [30, 31, 32])):
        found, counts = index[row].unique(return_counts=True)
        assert found.tolist() == places
        assert (counts - 6000 / len(places)).abs().max() < 200
    assert index[3].unique().tolist() == [10]
    assert not torch.equal(index[0], index[2])
