import pickle
import random
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.dataset import (
    BaseDataset,
    ClassBalancedDataset,
    ConcatDataset,
    DefaultSampler,
    InfiniteSampler,
    RepeatDataset,
)
from mmengine.runner import Runner
from mmseg.registry import DATA_SAMPLERS

from mmseg_labelfree.datasets.samplers.seeded import (
    SeededIndex,
    SeededInfiniteSampler,
    SeededSampler,
    seed_everything,
    seeded_draw,
)
from mmseg_labelfree.engine.hooks import IterationSeedHook
from mmseg_labelfree.engine.protocols import ProtocolRunner


def draw_numbers():
    return random.random(), np.random.rand(), torch.rand(1).item()


@given(st.integers(0, 10**6), st.lists(st.integers(0, 2**40), max_size=4))
def test_index_survives_pickling(index, entropy):
    original = SeededIndex(index, tuple(entropy))
    copy = pickle.loads(pickle.dumps(original))
    assert copy == index and isinstance(copy, int)
    assert copy.entropy == tuple(entropy)


def test_seeded_draw_repeats_and_restores():
    seed_everything((1,))
    expected = draw_numbers()
    seed_everything((1,))
    with seeded_draw(SeededIndex(5, (2, 3))):
        first = draw_numbers()
    assert draw_numbers() == expected
    with seeded_draw(SeededIndex(6, (2, 3))):
        assert draw_numbers() == first
    with seeded_draw(SeededIndex(5, (2, 4))):
        assert draw_numbers() != first


def test_plain_index_leaves_the_generators_alone():
    seed_everything((1,))
    expected = [draw_numbers(), draw_numbers()]
    seed_everything((1,))
    numbers = [draw_numbers()]
    with seeded_draw(5):
        numbers.append(draw_numbers())
    assert numbers == expected


def test_same_order_as_mmengine():
    ours = DATA_SAMPLERS.build(
        dict(type='SeededInfiniteSampler', dataset=range(7), seed=4)
    )
    theirs = InfiniteSampler(range(7), seed=4)
    assert list(islice(ours, 20)) == list(islice(theirs, 20))
    ours = DATA_SAMPLERS.build(dict(type='SeededSampler', dataset=range(7), seed=4))
    theirs = DefaultSampler(range(7), seed=4)
    for epoch in range(3):
        ours.set_epoch(epoch)
        theirs.set_epoch(epoch)
        assert list(ours) == list(theirs)


def test_skip_keeps_the_numbering():
    whole = list(islice(SeededInfiniteSampler(range(7), seed=4), 20))
    sampler = SeededInfiniteSampler(range(7), seed=4)
    sampler.skip(9)
    rest = list(islice(sampler, 11))
    assert rest == whole[9:]
    assert [i.entropy for i in rest] == [i.entropy for i in whole[9:]]
    assert len({i.entropy for i in whole}) == 20


@pytest.mark.parametrize('kind', [SeededInfiniteSampler, SeededSampler])
def test_two_processes_draw_what_one_draws(kind):
    def draws(rank, world_size, count):
        sampler = kind(range(8), seed=4)
        sampler.rank, sampler.world_size = rank, world_size
        if kind is SeededSampler:
            sampler.total_size, sampler.num_samples = 8, 8 // world_size
        return [(int(i), i.entropy) for i in islice(iter(sampler), count)]

    alone = draws(0, 1, 8)
    assert alone[::2] == draws(0, 2, 4)
    assert alone[1::2] == draws(1, 2, 4)


@pytest.mark.parametrize('num_images', [1, 2, 5])
def test_three_processes_share_few_images(num_images):
    def draws(rank, world_size, count):
        sampler = SeededInfiniteSampler(range(num_images), seed=4)
        sampler.rank, sampler.world_size = rank, world_size
        return [int(i) for i in islice(iter(sampler), count)]

    alone = draws(0, 1, 30)
    for rank in range(3):
        assert draws(rank, 3, 10) == alone[rank::3]
    assert {alone.count(i) for i in range(num_images)} == {30 // num_images}


def test_epochs_differ():
    sampler = SeededSampler(range(7), seed=4, shuffle=False)
    first = [i.entropy for i in sampler]
    sampler.set_epoch(1)
    assert not set(first) & {i.entropy for i in sampler}


def test_augmentation_does_not_depend_on_workers(incremental):
    stage = ProtocolRunner(incremental).stage('step_0').cfg

    def batches(num_workers):
        loader = dict(stage.train_dataloader, num_workers=num_workers)
        iterator = iter(Runner.build_dataloader(loader, seed=1))
        return [torch.stack(next(iterator)['inputs']) for _ in range(4)]

    for one, other in zip(batches(0), batches(2), strict=True):
        assert torch.equal(one, other)


class Numbers(BaseDataset):
    """Three samples that the pipeline makes numbers of."""

    def load_data_list(self):
        return [dict(name=name) for name in 'abc']


def draw_number(sample):
    return sample['name'], np.random.rand()


@pytest.mark.parametrize('wrap', ['alone', 'concatenated', 'repeated'])
@pytest.mark.parametrize('kind', ['SeededInfiniteSampler', 'SeededSampler'])
def test_stock_datasets_draw_with_the_seeds(wrap, kind):
    def drawn(first):
        dataset = Numbers(pipeline=[draw_number])
        if wrap == 'concatenated':
            dataset = ConcatDataset([dataset, Numbers(pipeline=[draw_number])])
        if wrap == 'repeated':
            dataset = RepeatDataset(dataset, 2)
        sampler = DATA_SAMPLERS.build(dict(type=kind, dataset=dataset, seed=4))
        return [dataset[index] for index in islice(sampler, first, 6)]

    whole = drawn(0)
    assert len({number for _, number in whole}) == len(whole)
    np.random.seed(7)
    assert drawn(2) == whole[2:]


def test_a_wrapper_that_hides_the_draw_is_refused():
    class Balanced(Numbers):
        def get_cat_ids(self, idx):
            return [idx]

    dataset = ClassBalancedDataset(Balanced(), 0.5)
    with pytest.raises(ValueError, match='ClassBalancedDataset does not tell'):
        SeededInfiniteSampler(dataset, seed=4)


def test_iteration_seed_hook_depends_on_iteration_alone():
    class Run:
        seed, iter = 5, 10

    hook = IterationSeedHook()
    hook.before_train_iter(Run, 0)
    first = draw_numbers()
    hook.before_train_iter(Run, 3)
    assert draw_numbers() == first
    Run.iter = 11
    hook.before_train_iter(Run, 0)
    assert draw_numbers() != first
