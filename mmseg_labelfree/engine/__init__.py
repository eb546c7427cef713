"""Hooks, loops, optimizer wrappers and protocols."""

from . import hooks, loops, optim, protocols

__all__ = ['hooks', 'loops', 'optim', 'protocols']
