"""Pools of a sampler of several sources, and the samples of each in a batch."""

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from .seeded import SeededIndex

__all__ = ['SourcePool', 'samples_per_batch', 'source_indices']


class SourcePool:
    """Pool of the samples of one source, and the order in which they are drawn.

    ``history`` holds for each version of the pool the first draw from it, its members
    and the number of its first pass; a draw is found by division.

    Args:
        name: Name of the source.
        members: Indices of its samples in the dataset.
        seed: Seed of the run.
        shuffle: Random order in each pass; False for ascending indices.
    """

    def __init__(
        self, name: str, members: np.ndarray, seed: int, shuffle: bool
    ) -> None:
        self.name = name
        self.tag = zlib.crc32(name.encode())
        self.seed = seed
        self.shuffle = shuffle
        self.history = [(0, np.sort(members), 0)]
        self._orders: dict[int, np.ndarray] = {}

    @property
    def members(self) -> np.ndarray:
        """Indices in the pool after all changes."""
        return self.history[-1][1]

    def change(self, members: np.ndarray, position: int) -> None:
        """Use other members from the draw at ``position`` on."""
        start, old, first = self.history[-1]
        used = -(-(position - start) // len(old)) if len(old) else 0
        if position == start:  # nothing was drawn from the version before
            self.history.pop()
            self._orders.clear()
        self.history.append((position, members, first + used))

    def draw(self, position: int) -> SeededIndex:
        """Return the index of the draw at ``position``, counted over all processes."""
        start, members, first = next(
            version for version in reversed(self.history) if version[0] <= position
        )
        number, place = divmod(position - start, len(members))
        number += first
        if number not in self._orders:
            self._orders = {k: v for k, v in self._orders.items() if k == number - 1}
            self._orders[number] = self._order(members, number)
        return self.seeded(self._orders[number][place], position)

    def seeded(
        self, index: int, position: int, rare_class: int | None = None
    ) -> SeededIndex:
        """Let the index of a draw carry its seed, the name of the pool and a class."""
        entropy = (self.seed, self.tag, position)
        return SeededIndex(index, entropy, self.name, rare_class)

    def _order(self, members: np.ndarray, number: int) -> np.ndarray:
        if not self.shuffle:
            return members
        rng = np.random.default_rng((self.seed, self.tag, number, 1))
        return rng.permutation(members)


def samples_per_batch(
    counts: Mapping[str, int] | None,
    ratio: Mapping[str, float] | None,
    batch_size: int | None,
) -> dict[str, int]:
    """Count the samples of each source in a batch."""
    if ratio is not None and counts is None:
        if batch_size is None:
            raise ValueError('MultiSourceSampler: source_ratio needs batch_size')
        counts = _counts_by_ratio(ratio, batch_size)
    elif counts is None or ratio is not None:
        raise ValueError(
            'MultiSourceSampler: give source_counts, or source_ratio with batch_size'
        )
    counts = {name: int(count) for name, count in counts.items()}
    if min(counts.values(), default=0) < 0 or not sum(counts.values()):
        raise ValueError(f'MultiSourceSampler: no batch can hold {counts}')
    if batch_size is not None and sum(counts.values()) != batch_size:
        raise ValueError(
            f'MultiSourceSampler: batch_size={batch_size}, but source_counts={counts} '
            f'make {sum(counts.values())}'
        )
    return counts


def _counts_by_ratio(ratio: Mapping[str, float], batch_size: int) -> dict[str, int]:
    """Round the shares of a batch; the largest fractions are rounded up."""
    total = sum(ratio.values())
    exact = {k: batch_size * share / total for k, share in ratio.items()}
    counts = {k: int(value) for k, value in exact.items()}
    missing = batch_size - sum(counts.values())
    by_rest = sorted(exact, key=lambda k: counts[k] - exact[k])
    for name in by_rest[:missing]:
        counts[name] += 1
    left_out = [k for k, share in ratio.items() if share > 0 and not counts[k]]
    if left_out:
        raise ValueError(
            f'MultiSourceSampler: batch_size={batch_size} leaves no sample for '
            f'{left_out[0]!r} with source_ratio={dict(ratio)}'
        )
    return counts


def source_indices(dataset: Any) -> dict[str, np.ndarray]:
    """Find the indices of each source.

    Args:
        dataset: A ``SourceDataset`` or a ``ConcatDataset`` of several.

    Returns:
        int64 indices into the dataset by name of the source.

    Raises:
        ValueError: A part has no ``source``.
    """
    parts = getattr(dataset, 'datasets', [dataset])
    pools: dict[str, list[np.ndarray]] = {}
    start = 0
    for part in parts:
        source = getattr(part, 'source', None)
        if not isinstance(source, str):
            raise ValueError(
                'MultiSourceSampler needs a SourceDataset, or a ConcatDataset of them, '
                f'but got a {type(part).__name__}'
            )
        pools.setdefault(source, []).append(np.arange(start, start + len(part)))
        start += len(part)
    return {name: np.concatenate(arrays) for name, arrays in pools.items()}
