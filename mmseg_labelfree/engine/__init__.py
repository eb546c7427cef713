"""Hooks, optimizer wrappers and protocols."""

from . import hooks, optim, protocols

__all__ = ['hooks', 'optim', 'protocols']
