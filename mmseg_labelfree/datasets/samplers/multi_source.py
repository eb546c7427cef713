"""Batches with a fixed number of samples from each of several sources."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from mmseg.registry import DATA_SAMPLERS
from torch.utils.data import DataLoader, Sampler

from .pools import SourcePool, samples_per_batch, source_indices
from .rare_class_pool import RareClassPool, rare_class_pool
from .seeded import SeededIndex

__all__ = ['MultiSourceSampler']


@DATA_SAMPLERS.register_module()
class MultiSourceSampler(Sampler):
    """Sampler that draws a fixed number of samples from each of several pools.

    The pools are the ``source`` names of the concatenated datasets (see
    :class:`~mmseg_labelfree.datasets.SourceDataset`); datasets of one name share a
    pool. Each pool is gone through in passes, each pass in another random order,
    every sample once a pass. The draws of batch b depend on nothing but the seed, the
    name of the pool and the moves made before b: not on workers, on other pools, or on
    interruptions. As with the package's other samplers each index carries the seed of
    its augmentation, and besides the name of its pool.

    The processes of a distributed run share the passes: batch b of all of them
    together is what one process draws with the counts times their number.

    Args:
        dataset: ``ConcatDataset`` of :class:`SourceDataset`, or a single one.
        source_counts: Samples of each source in a batch of one process, in the order
            in which they come, for instance ``dict(labeled=4, unlabeled=4)``. A
            source may have 0, as a place to move samples to.
        source_ratio: Instead of counts, relative shares; with ``batch_size``.
        batch_size: Samples in a batch of one process. Only needed with
            ``source_ratio``; it must be the loader's, and
            :class:`~mmseg_labelfree.engine.hooks.SamplerStateHook` checks that.
        seed: Seed of the run; MMEngine passes it.
        epoch_source: An epoch is one pass over this source. Defaults to the one whose
            pass takes the most batches; 'shortest' for the one with the fewest. Sets
            ``len`` and ``batches_per_epoch``.
        infinite: Go on after an epoch, for iteration-based loops. False ends the
            iterator after an epoch, for epoch-based loops. Defaults to True.
        shuffle: Random order in each pass; False for the order of the dataset.
        rare_class_sampling: Sources that are drawn from by rare class sampling instead
            of in passes, with the settings of
            :class:`~mmseg_labelfree.datasets.samplers.RareClassPool`, for instance
            ``dict(source=dict(temperature=0.01, min_pixels=3000))``. The classes of
            their masks are counted once, see
            :func:`~mmseg_labelfree.datasets.class_pixels`. Their samples cannot move.

    Raises:
        ValueError: Sources and counts do not fit each other or the dataset.

    Example:
        ``train_dataloader=dict(batch_size=8, sampler=dict(type='MultiSourceSampler',
        source_counts=dict(labeled=4, unlabeled=4), epoch_source='unlabeled'), ...)``
    """

    def __init__(
        self,
        dataset: Any,
        source_counts: Mapping[str, int] | None = None,
        source_ratio: Mapping[str, float] | None = None,
        batch_size: int | None = None,
        seed: int | None = None,
        epoch_source: str | None = None,
        infinite: bool = True,
        shuffle: bool = True,
        rare_class_sampling: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.rank, self.world_size = get_dist_info()
        self.seed = sync_random_seed() if seed is None else seed
        self.counts = samples_per_batch(source_counts, source_ratio, batch_size)
        self.batch_size = sum(self.counts.values())
        self.infinite = infinite
        self.shuffle = shuffle
        pools = source_indices(dataset)
        if not set(pools) <= set(self.counts):
            raise ValueError(
                f'MultiSourceSampler: the dataset has the sources {list(pools)}, but '
                f'counts are given for {list(self.counts)}; name every source (0 for '
                'one that is not drawn yet)'
            )
        empty = np.zeros(0, np.int64)
        self._sizes = {name: len(pools.get(name, empty)) for name in self.counts}
        self._histories = {
            name: SourcePool(name, pools.get(name, empty), self.seed, shuffle)
            for name in self.counts
        }
        for name, settings in (rare_class_sampling or {}).items():
            pool = rare_class_pool(dataset, name, self.seed, **settings)
            self._histories[name] = pool
        for name, count in self.counts.items():
            if count and not self._sizes[name]:
                raise ValueError(
                    f'MultiSourceSampler: {count} samples a batch are asked of source '
                    f'{name!r}, but no dataset of that source has any'
                )
        self._moves: list[dict[str, Any]] = []
        self._next_batch = 0
        self.epoch_source = self._check_epoch_source(epoch_source)

    @property
    def batches_per_epoch(self) -> int:
        """Number of whole batches in a pass over ``epoch_source`` before any move."""
        drawn = self.counts[self.epoch_source] * self.world_size
        return max(self._sizes[self.epoch_source] // drawn, 1)

    def __len__(self) -> int:
        """Samples that this process draws in an epoch."""
        return self.batches_per_epoch * self.batch_size

    def __iter__(self) -> Iterator[SeededIndex]:
        """Yield the indices from the current position on, batch after batch."""
        first = self._next_batch
        stop = None if self.infinite else first + self.batches_per_epoch
        for batch in itertools.count(first):
            if batch == stop:
                return
            self._next_batch = batch + 1
            yield from self._draw(batch)

    def _draw(self, batch: int) -> Iterator[SeededIndex]:
        """Draw the share of this process in a batch."""
        for name, count in self.counts.items():
            pool = self._histories[name]
            for slot in range(count):
                position = (batch * count + slot) * self.world_size + self.rank
                yield pool.draw(position)

    def skip(self, num_samples: int) -> None:
        """Go to an absolute position, for resuming, without drawing what comes before.

        Args:
            num_samples: Samples that this process had drawn since the start.

        Raises:
            ValueError: That is no whole number of batches, so the loader's batch
                size differs from the sampler's.
        """
        if num_samples < 0 or num_samples % self.batch_size:
            raise ValueError(
                f'MultiSourceSampler: cannot skip {num_samples} samples in batches of '
                f'{self.batch_size}; the loader must have batch_size={self.batch_size}'
            )
        self._next_batch = num_samples // self.batch_size

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of an epoch, in epoch-based loops."""
        if not self.infinite:
            self._next_batch = epoch * self.batches_per_epoch

    def check_loader(self, loader: DataLoader) -> None:
        """Raise a ValueError unless the loader's batches are the sampler's."""
        if loader.batch_size is not None and loader.batch_size != self.batch_size:
            raise ValueError(
                f'train_dataloader has batch_size={loader.batch_size}, but its '
                f'MultiSourceSampler makes batches of {self.batch_size} '
                f'({dict(self.counts)}); set batch_size={self.batch_size}'
            )

    def indices(self, source: str) -> np.ndarray:
        """Return the indices in a pool after all moves, int64, ascending."""
        return self._histories[source].members.copy()

    def move(
        self,
        indices: Sequence[int],
        source: str,
        target: str,
        from_batch: int | None = None,
    ) -> None:
        """Move samples from one pool to another; all processes must do the same.

        Both pools begin a new pass. Loader workers draw some batches ahead, more of
        them the more workers: give ``from_batch`` for a moment that does not
        depend on their number.

        Args:
            indices: Indices into the dataset, all of them in ``source``.
            source: Name of the pool that loses them.
            target: Name of the pool that gets them.
            from_batch: First batch (counted from 0 over the whole run) that is drawn
                from the new pools. Defaults to the next one that is not drawn yet.

        Raises:
            ValueError: Unknown pool, an index not in ``source``, a pool that would be
                empty though it is drawn from, or a batch that is drawn already or
                before an earlier move.
        """
        begin = self._next_batch if from_batch is None else from_batch
        last = self._moves[-1]['from_batch'] if self._moves else 0
        if begin < max(self._next_batch, last):
            raise ValueError(
                f'MultiSourceSampler: samples cannot move from batch {begin} on; batch '
                f'{max(self._next_batch, last)} is the first that is still free'
            )
        moved = np.unique(np.asarray(indices, np.int64))
        self._apply(moved, source, target, begin)
        self._moves.append(
            dict(indices=moved.tolist(), source=source, target=target, from_batch=begin)
        )

    def _apply(self, moved: np.ndarray, source: str, target: str, begin: int) -> None:
        for name in (source, target):
            if name not in self._histories:
                raise ValueError(
                    f'MultiSourceSampler: no pool {name!r}; there are '
                    f'{list(self._histories)}'
                )
        old, new = self._histories[source], self._histories[target]
        for pool in (old, new):
            if isinstance(pool, RareClassPool):
                raise ValueError(
                    f'MultiSourceSampler: no sample can move from or to {pool.name!r}, '
                    'which is drawn from by rare class sampling'
                )
        strangers = np.setdiff1d(moved, old.members)
        if len(strangers):
            raise ValueError(
                f'MultiSourceSampler: sample {strangers[0]} is not in {source!r}'
            )
        rest = np.setdiff1d(old.members, moved)
        if self.counts[source] and not len(rest):
            raise ValueError(
                f'MultiSourceSampler: moving {len(moved)} samples would leave '
                f'{source!r} empty, of which each batch needs {self.counts[source]}'
            )
        if source == target or not len(moved):
            return
        for pool, members in ((old, rest), (new, np.union1d(new.members, moved))):
            pool.change(members, begin * self.counts[pool.name] * self.world_size)

    def state_dict(self) -> dict[str, Any]:
        """Return seed, counts, initial sizes and all moves, as plain Python values.

        The position is not part of it: MMEngine's loops skip to theirs.
        """
        return dict(
            seed=self.seed,
            counts=dict(self.counts),
            sizes=dict(self._sizes),
            moves=[dict(move) for move in self._moves],
        )

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Repeat the moves of a saved sampler; for one that has made none.

        Raises:
            ValueError: It was saved with another seed, other counts or other data.
        """
        mine = self.state_dict()
        for key in ('seed', 'counts', 'sizes'):
            if state[key] != mine[key]:
                raise ValueError(
                    f"MultiSourceSampler: the checkpoint's {key} are {state[key]}, "
                    f"this run's {mine[key]}; resume with the same data, sampler and "
                    'seed'
                )
        for move in state['moves']:
            moved = np.asarray(move['indices'], np.int64)
            self._apply(moved, move['source'], move['target'], move['from_batch'])
            self._moves.append(dict(move))

    def _check_epoch_source(self, name: str | None) -> str:
        drawn = {k: self._sizes[k] / c for k, c in self.counts.items() if c}
        if name is None:
            return max(drawn, key=drawn.__getitem__)
        if name == 'shortest':
            return min(drawn, key=drawn.__getitem__)
        if name not in drawn:
            raise ValueError(
                f'MultiSourceSampler: epoch_source={name!r} is not drawn from; choose '
                f'one of {list(drawn)}'
            )
        return name
