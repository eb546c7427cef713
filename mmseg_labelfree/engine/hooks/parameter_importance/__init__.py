"""EWC, PI and RW: hold important parameters where the previous step left them."""

from .hook import ParameterImportanceHook
from .tracker import ImportanceTracker

__all__ = ['ImportanceTracker', 'ParameterImportanceHook']
