"""Saliency: which pixels belong to objects, of whatever class."""

from .saliency_net import SaliencyNet
from .sources import (
    CachedSaliency,
    NetworkSaliency,
    RobustBackgroundSaliency,
    SaliencyFolder,
    SaliencySource,
)

__all__ = [
    'CachedSaliency',
    'NetworkSaliency',
    'RobustBackgroundSaliency',
    'SaliencyFolder',
    'SaliencyNet',
    'SaliencySource',
]
