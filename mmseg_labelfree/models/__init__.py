"""Segmentors and their parts, registered into ``mmseg.registry.MODELS``."""

from .backbones import *  # noqa: F403
from .decode_heads import *  # noqa: F403
from .layers import *  # noqa: F403
from .losses import *  # noqa: F403
from .segmentors import *  # noqa: F403
from .teachers import *  # noqa: F403
