"""What ``torch.compile`` shall leave as it is."""

from typing import Any

import torch

__all__ = ['untraced']

# As `torch.compiler.disable`, which however imports the compiler, in each process and
# whether it is used or not: 0.8 s.
untraced: Any = getattr(torch, '_disable_dynamo', torch.compiler.disable)
"""Decorator of a function that ``torch.compile`` runs as it is.

Networks gain by being compiled; what prepares a batch or goes over strips of it
depends on numbers of the iteration, and would be compiled again and again. With
``recursive=False`` the functions that it calls are compiled all the same.
"""
