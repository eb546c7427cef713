"""Backbones, losses and segmentors, registered into ``mmseg.registry.MODELS``."""

from .backbones import *  # noqa: F401,F403
from .losses import *  # noqa: F401,F403
from .segmentors import *  # noqa: F401,F403
