"""Samplers whose draws carry their own random seeds.

MMEngine seeds each loader worker once, so a sample's augmentation depends on which
worker drew it and on all that this worker drew before: a resumed run, another
number of workers or of processes gives other crops. Here the sampler numbers its
draws, and the dataset seeds the augmentation from that number. The same global batch
then looks the same on one process or many, and after any interruption.
"""

import itertools
import random
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from mmengine.dataset import (
    BaseDataset,
    Compose,
    ConcatDataset,
    DefaultSampler,
    InfiniteSampler,
    RepeatDataset,
)
from mmseg.registry import DATA_SAMPLERS

__all__ = [
    'SeededIndex',
    'SeededInfiniteSampler',
    'SeededSampler',
    'seed_draws',
    'seed_everything',
    'seeded_draw',
]


class SeededIndex(int):
    """Sample index that carries the random seed of its draw.

    It is an ``int`` everywhere (lists, ``dataset[i]``, worker queues); only
    :func:`seeded_draw` looks at ``entropy``, a tuple of non-negative integers, and
    only :class:`~mmseg_labelfree.datasets.SourceDataset` at ``source``, the name of
    the pool it was drawn from, and ``rare_class``, the class that it was drawn for.
    All survive a subtraction and a remainder, by which ``ConcatDataset`` and
    ``RepeatDataset`` turn an index into one of their parts'.
    """

    entropy: tuple[int, ...]
    source: str | None
    rare_class: int | None

    def __new__(
        cls,
        index: int,
        entropy: tuple[int, ...],
        source: str | None = None,
        rare_class: int | None = None,
    ) -> 'SeededIndex':
        """Make an index with what it carries."""
        self = super().__new__(cls, index)
        self.entropy = entropy
        self.source = source
        self.rare_class = rare_class
        return self

    @property
    def _carried(self) -> tuple:
        return self.entropy, self.source, self.rare_class

    def __sub__(self, other: int) -> 'SeededIndex':
        return SeededIndex(int(self) - other, *self._carried)

    def __mod__(self, other: int) -> 'SeededIndex':
        return SeededIndex(int(self) % other, *self._carried)

    def __reduce__(self) -> tuple:
        return SeededIndex, (int(self), *self._carried)


def seed_everything(entropy: tuple[int, ...]) -> None:
    """Seed the global generators of ``random``, NumPy and torch, also on GPUs.

    Args:
        entropy: Non-negative integers, for instance (run seed, rank, iteration).
    """
    torch.manual_seed(_seed_cpu(entropy))


def _seed_cpu(entropy: tuple[int, ...]) -> int:
    """Seed the generators on the CPU alone; returns the seed that torch got."""
    words = np.random.SeedSequence(entropy).generate_state(3)
    random.seed(int(words[0]))
    np.random.seed(words[1])
    torch.default_generator.manual_seed(int(words[2]))
    return int(words[2])


@contextmanager
def seeded_draw(index: int) -> Iterator[None]:
    """Run the body with the random state of a draw, then restore the old one.

    Does nothing for a plain ``int``, so datasets can use it for every index::

        def __getitem__(self, index):
            with seeded_draw(index):
                return self.dataset[int(self.indices[index])]
    """
    if not isinstance(index, SeededIndex):
        yield
        return
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    _seed_cpu(index.entropy)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])


class _SeededCompose(Compose):
    """Pipeline that runs with the random state of the draw of its sample."""

    def __call__(self, data: dict[str, Any]) -> dict[str, Any] | None:
        with seeded_draw(data['sample_idx']):
            return super().__call__(data)


def seed_draws(dataset: Sized) -> None:
    """Let a stock dataset draw each sample with the seed of its index.

    A ``BaseDataset`` of MMEngine, alone or in a ``ConcatDataset`` or
    ``RepeatDataset``, gets a pipeline that looks at its sample's index; this
    package's wrappers do so by themselves, and any other dataset is taken to do. Where
    the pipeline gives None, a ``BaseDataset`` draws another image without a seed,
    :class:`~mmseg_labelfree.datasets.SourceDataset` with that of the draw.

    Args:
        dataset: The dataset, changed in place.

    Raises:
        ValueError: A wrapper keeps no index by which its samples were drawn.

    Example:
        >>> from mmengine.dataset import BaseDataset
        >>> dataset = BaseDataset(lazy_init=True, pipeline=[lambda sample: sample])
        >>> seed_draws(dataset)
    """
    if isinstance(dataset, ConcatDataset):
        for part in dataset.datasets:
            seed_draws(part)
    elif isinstance(dataset, RepeatDataset):
        seed_draws(dataset.dataset)
    elif isinstance(dataset, BaseDataset):
        if not isinstance(dataset.pipeline, _SeededCompose):
            dataset.pipeline = _SeededCompose([dataset.pipeline])
    elif type(dataset).__module__.split('.')[0] in ('mmengine', 'mmseg'):
        raise ValueError(
            f'{type(dataset).__name__} does not tell its dataset which draw a sample '
            'is of, so a resumed run would see other crops; leave it out, or take a '
            'sampler of MMEngine'
        )


@DATA_SAMPLERS.register_module()
class SeededInfiniteSampler(InfiniteSampler):
    """Sampler like :class:`mmengine.dataset.InfiniteSampler`, with a seed a draw.

    For iteration-based loops. Draw ``p`` of the global stream (over all processes)
    has the entropy ``(seed, 0, p)``; ``skip`` keeps the numbering on resume. The
    dataset is made to use it, see :func:`seed_draws`.

    Example:
        ``sampler=dict(type='SeededInfiniteSampler', shuffle=True)``
    """

    indices: Iterator[int]

    def __init__(
        self, dataset: Sized, shuffle: bool = True, seed: int | None = None
    ) -> None:
        super().__init__(dataset, shuffle, seed)
        seed_draws(dataset)
        self._drawn = 0

    def __iter__(self) -> Iterator[int]:
        for index in super().__iter__():
            position = self._drawn * self.world_size + self.rank
            self._drawn += 1
            yield SeededIndex(index, (self.seed, 0, position))

    def skip(self, num_samples: int) -> None:
        """Go to an absolute position, for resuming, before anything is drawn.

        Args:
            num_samples: Samples that this process had drawn since the start.
        """
        self.indices = itertools.islice(self.indices, num_samples, None)
        self._drawn = num_samples


@DATA_SAMPLERS.register_module()
class SeededSampler(DefaultSampler):
    """Sampler like :class:`mmengine.dataset.DefaultSampler`, with a seed a draw.

    For epoch-based loops. Draw ``p`` of epoch ``e`` (counted over all processes) has
    the entropy ``(seed, 1 + e, p)``. The dataset is made to use it, see
    :func:`seed_draws`.

    Example:
        ``sampler=dict(type='SeededSampler', shuffle=True)``
    """

    def __init__(self, dataset: Sized, *args: Any, **kwargs: Any) -> None:
        super().__init__(dataset, *args, **kwargs)
        seed_draws(dataset)

    def __iter__(self) -> Iterator[int]:
        for draw, index in enumerate(super().__iter__()):
            position = draw * self.world_size + self.rank
            yield SeededIndex(index, (self.seed, 1 + self.epoch, position))
