"""Hooks, jobs, loops, optimizer wrappers and protocols."""

from . import hooks, jobs, loops, optim, protocols

__all__ = ['hooks', 'jobs', 'loops', 'optim', 'protocols']
