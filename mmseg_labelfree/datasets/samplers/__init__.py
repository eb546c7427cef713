"""Samplers whose every draw follows from the seed, and the pools they draw from."""

from .multi_source import MultiSourceSampler
from .rare_class_pool import RareClassPool
from .seeded import SeededInfiniteSampler, SeededSampler, seed_draws, seeded_draw

__all__ = [
    'MultiSourceSampler',
    'RareClassPool',
    'SeededInfiniteSampler',
    'SeededSampler',
    'seed_draws',
    'seeded_draw',
]
