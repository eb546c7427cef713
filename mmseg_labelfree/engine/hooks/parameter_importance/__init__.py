"""EWC, PI and RW: keep important parameters near the previous step's values."""

from .hook import ParameterImportanceHook
from .tracker import ImportanceTracker

__all__ = ['ImportanceTracker', 'ParameterImportanceHook']
