import pickle
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.runner import Runner
from mmseg.registry import DATA_SAMPLERS
from torch.utils.data import DataLoader

from mmseg_labelfree.datasets import MultiSourceSampler
from mmseg_labelfree.datasets.samplers.seeded import SeededIndex


class Part:
    def __init__(self, source, size):
        self.source, self.size = source, size

    def __len__(self):
        return self.size


class Parts:
    """As much of a ConcatDataset as the sampler looks at."""

    def __init__(self, **sizes):
        self.datasets = [Part(name, size) for name, size in sizes.items()]

    def __len__(self):
        return sum(map(len, self.datasets))

    def __getitem__(self, index):
        return index


def make(sizes, counts, seed=3, rank=0, world_size=1, **kwargs):
    sampler = DATA_SAMPLERS.build(
        dict(
            type='MultiSourceSampler',
            dataset=Parts(**sizes),
            source_counts=counts,
            seed=seed,
            **kwargs,
        )
    )
    sampler.rank, sampler.world_size = rank, world_size
    return sampler


def batches(sampler, num):
    stream = iter(sampler)
    return [list(islice(stream, sampler.batch_size)) for _ in range(num)]


def facts(draws):
    return [(int(i), i.entropy, i.source) for i in draws]


pools = st.dictionaries(
    st.sampled_from('abc'),
    st.tuples(st.integers(1, 12), st.integers(1, 4)),
    min_size=1,
)


@settings(deadline=None)
@given(pools, st.integers(0, 2**40), st.integers(1, 3))
def test_counts_order_and_coverage(pools, seed, world_size):
    sizes = {k: size for k, (size, _) in pools.items()}
    counts = {k: count for k, (_, count) in pools.items()}
    starts = dict(zip(sizes, np.cumsum([0, *sizes.values()]), strict=False))
    ranks = [
        batches(make(sizes, counts, seed, rank, world_size), 7)
        for rank in range(world_size)
    ]
    for rank in ranks:
        for batch in rank:
            assert [i.source for i in batch] == [
                k for k, count in counts.items() for _ in range(count)
            ]
    for name, size in sizes.items():
        # The global stream of a pool: batch after batch, slot after slot, all ranks.
        of = [[[i for i in b if i.source == name] for b in rank] for rank in ranks]
        stream = [
            int(draw)
            for b in range(7)
            for slot in zip(*(rank[b] for rank in of), strict=True)
            for draw in slot
        ]
        expected = set(range(starts[name], starts[name] + size))
        for start in range(0, len(stream) - size + 1, size):
            assert set(stream[start : start + size]) == expected
    entropies = [i.entropy for rank in ranks for b in rank for i in b]
    assert len(set(entropies)) == len(entropies)


@settings(deadline=None)
@given(pools, st.integers(0, 20))
def test_skip_is_dropping(pools, num):
    sizes = {k: size for k, (size, _) in pools.items()}
    counts = {k: count for k, (_, count) in pools.items()}
    whole = batches(make(sizes, counts), num + 3)
    sampler = make(sizes, counts)
    sampler.skip(num * sampler.batch_size)
    for one, other in zip(batches(sampler, 3), whole[num:], strict=True):
        assert facts(one) == facts(other)


def test_two_processes_draw_what_one_draws():
    sizes = dict(a=7, b=10)
    alone = batches(make(sizes, dict(a=2, b=4)), 6)
    ranks = [
        batches(make(sizes, dict(a=1, b=2), rank=r, world_size=2), 6) for r in (0, 1)
    ]
    for batch, first, second in zip(alone, *ranks, strict=True):
        assert sorted(facts(batch)) == sorted(facts(first + second))
        assert not set(facts(first)) & set(facts(second))


def test_a_pool_depends_on_its_name_alone():
    alone = batches(make(dict(a=9), dict(a=2)), 8)
    both = batches(make(dict(a=9, b=5), dict(b=1, a=2)), 8)
    assert [facts(b) for b in alone] == [facts(b[1:]) for b in both]
    first, second = (batches(make({name: 50}, {name: 50}), 1) for name in 'ab')
    assert first != second
    assert first != batches(make(dict(a=50), dict(a=50), seed=4), 1)


def test_passes_have_different_orders():
    one, two = batches(make(dict(a=30), dict(a=30)), 2)
    assert one != two and sorted(one) == sorted(two) == list(range(30))
    fixed = batches(make(dict(a=30), dict(a=30), shuffle=False), 2)
    assert fixed == [list(range(30))] * 2


def test_sources_of_one_name_share_a_pool():
    dataset = Parts(a=3, b=2)
    dataset.datasets.append(Part('a', 2))
    sampler = MultiSourceSampler(dataset, dict(a=5, b=1), seed=1)
    assert sorted(batches(sampler, 1)[0][:5]) == [0, 1, 2, 5, 6]
    assert sampler.indices('a').tolist() == [0, 1, 2, 5, 6]


def test_epochs_are_counted_on_a_source():
    sizes, counts = dict(a=5, b=21), dict(a=2, b=4)
    assert make(sizes, counts).batches_per_epoch == 5  # b takes longest
    assert make(sizes, counts, epoch_source='a').batches_per_epoch == 2
    assert len(make(sizes, counts)) == 30
    two = make(sizes, counts, world_size=2)
    assert two.batches_per_epoch == 2 and len(two) == 12
    with pytest.raises(ValueError, match="epoch_source='c' is not drawn from"):
        make(sizes, counts, epoch_source='c')


def test_finite_epochs_continue_the_stream():
    sizes, counts = dict(a=5, b=21), dict(a=2, b=4)
    endless = make(sizes, counts)
    assert len(list(islice(endless, 100))) == 100
    finite = make(sizes, counts, infinite=False)
    whole = facts(islice(make(sizes, counts), 90))
    for epoch in (0, 2, 1):
        finite.set_epoch(epoch)
        assert facts(finite) == whole[30 * epoch : 30 * epoch + 30]
    endless = make(sizes, counts)
    endless.skip(12)
    endless.set_epoch(0)  # MMEngine calls this in iteration-based loops too
    assert facts(islice(endless, 6)) == whole[12:18]


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), max_size=6, unique=True), st.integers(0, 5))
def test_move_changes_pools_from_a_batch_on(moved, begin):
    sizes, counts = dict(a=10, b=4), dict(a=3, b=2)
    sampler = make(sizes, counts)
    sampler.move(moved, 'a', 'b', from_batch=begin)
    drawn = batches(sampler, 20)
    assert facts(sum(drawn[:begin], [])) == facts(
        sum(batches(make(sizes, counts), 20)[:begin], [])
    )
    later = {name: set() for name in 'ab'}
    for draw in sum(drawn[begin:], []):
        later[draw.source].add(int(draw))
    assert later['a'] == set(range(10)) - set(moved)
    assert later['b'] == set(range(10, 14)) | set(moved)
    assert sampler.indices('b').tolist() == sorted(later['b'])
    # Both pools begin a pass at that batch: no sample comes twice within it.
    rest = [int(i) for i in sum(drawn[begin:], []) if i.source == 'a']
    if moved:
        assert len(set(rest[: 10 - len(moved)])) == 10 - len(moved)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_moves_survive_a_checkpoint(data):
    sizes, counts = dict(a=12, b=4, c=0), dict(a=2, b=3, c=0)
    sampler = make(sizes, counts)
    seen = []
    for _ in range(data.draw(st.integers(1, 3))):
        seen += batches(sampler, data.draw(st.integers(0, 4)))
        pool = sampler.indices('a').tolist()
        moved = data.draw(st.lists(st.sampled_from(pool), max_size=2, unique=True))
        target = data.draw(st.sampled_from('bc'))
        lead = data.draw(st.sampled_from([None, 3]))
        begin = None if lead is None else len(seen) + lead
        try:
            sampler.move(moved, 'a', target, begin)
        except ValueError as error:
            assert 'still free' in str(error)
    state = pickle.loads(pickle.dumps(sampler.state_dict()))
    seen += batches(sampler, 4)
    again = make(sizes, counts)
    again.load_state_dict(state)
    assert again.state_dict() == sampler.state_dict()
    assert [facts(b) for b in batches(again, len(seen))] == [facts(b) for b in seen]
    resumed = make(sizes, counts)
    resumed.load_state_dict(state)
    resumed.skip((len(seen) - 1) * resumed.batch_size)
    assert facts(batches(resumed, 1)[0]) == facts(seen[-1])


def test_wrong_moves():
    sampler = make(dict(a=3, b=2), dict(a=1, b=1))
    with pytest.raises(ValueError, match="no pool 'x'"):
        sampler.move([0], 'a', 'x')
    with pytest.raises(ValueError, match="sample 4 is not in 'a'"):
        sampler.move([0, 4], 'a', 'b')
    with pytest.raises(ValueError, match="would leave 'a' empty"):
        sampler.move([0, 1, 2], 'a', 'b')
    batches(sampler, 2)
    with pytest.raises(ValueError, match='batch 2 is the first'):
        sampler.move([0], 'a', 'b', from_batch=1)
    assert sampler.state_dict()['moves'] == []


def test_another_run_cannot_load_the_state():
    state = make(dict(a=3), dict(a=1)).state_dict()
    with pytest.raises(ValueError, match="checkpoint's sizes are {'a': 3}"):
        make(dict(a=4), dict(a=1)).load_state_dict(state)
    with pytest.raises(ValueError, match="checkpoint's seed are 3, this run's 9"):
        make(dict(a=3), dict(a=1), seed=9).load_state_dict(state)


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from('abc'), st.integers(1, 5), min_size=1),
    st.integers(3, 40),
)
def test_ratio(ratio, batch_size):
    total = sum(ratio.values())
    try:
        sampler = MultiSourceSampler(
            Parts(**dict.fromkeys(ratio, 5)),
            source_ratio=ratio,
            batch_size=batch_size,
            seed=1,
        )
    except ValueError as error:
        assert 'leaves no sample' in str(error)
        assert batch_size * min(ratio.values()) < total
        return
    assert sum(sampler.counts.values()) == batch_size
    for name, count in sampler.counts.items():
        assert abs(count - batch_size * ratio[name] / total) < 1


def test_settings_that_do_not_fit():
    parts = Parts(a=3, b=2)
    for kwargs, message in (
        (dict(), 'give source_counts, or source_ratio'),
        (dict(source_ratio=dict(a=1, b=1)), 'needs batch_size'),
        (dict(source_counts=dict(a=1, b=1), batch_size=3), r'make 2'),
        (dict(source_counts=dict(a=0, b=0)), 'no batch can hold'),
        (dict(source_counts=dict(a=1)), 'name every source'),
        (dict(source_counts=dict(a=1, b=1, c=1)), "asked of source 'c'"),
    ):
        with pytest.raises(ValueError, match=message):
            MultiSourceSampler(parts, seed=1, **kwargs)
    with pytest.raises(ValueError, match='needs a SourceDataset'):
        MultiSourceSampler(range(3), dict(a=1), seed=1)


def test_batch_size_of_the_loader_is_checked():
    sampler = make(dict(a=8, b=8), dict(a=2, b=2))
    sampler.check_loader(DataLoader(Parts(a=8, b=8), batch_size=4, sampler=sampler))
    loader = DataLoader(Parts(a=8, b=8), batch_size=3, sampler=sampler)
    with pytest.raises(ValueError, match='batch_size=3, but its .* set batch_size=4'):
        sampler.check_loader(loader)
    with pytest.raises(ValueError, match='must have batch_size=4'):
        sampler.skip(3)


def test_index_knows_its_pool():
    draw = SeededIndex(9, (1, 2), 'a')
    for copy in (pickle.loads(pickle.dumps(draw)), draw - 4):
        assert copy.entropy == (1, 2) and copy.source == 'a'
    assert draw - 4 == 5 and isinstance(draw - 4, SeededIndex)


def test_loader_of_mmengine(incremental):
    inner = incremental.train_dataloader.dataset.dataset
    source = dict(type='SourceDataset', dataset=inner)
    loader = Runner.build_dataloader(
        dict(
            batch_size=3,
            num_workers=2,
            persistent_workers=True,
            sampler=dict(type='MultiSourceSampler', source_counts=dict(x=1, y=2)),
            dataset=dict(
                type='ConcatDataset',
                datasets=[
                    dict(source, source='x'),
                    dict(source, source='y', labeled=False),
                ],
            ),
        ),
        seed=1,
    )
    assert loader.sampler.seed == 1 and loader.sampler.counts == dict(x=1, y=2)
    stream = iter(loader)
    for _ in range(3):
        samples = next(stream)['data_samples']
        assert [s.metainfo['source'] for s in samples] == ['x', 'y', 'y']
