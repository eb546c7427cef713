"""Samplers whose every draw follows from the seed, and the pools they draw from."""

from .multi_source import MultiSourceSampler
from .seeded import SeededInfiniteSampler, SeededSampler, seeded_draw

__all__ = [
    'MultiSourceSampler',
    'SeededInfiniteSampler',
    'SeededSampler',
    'seeded_draw',
]
