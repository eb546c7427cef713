"""Backbones that differ from MMSegmentation's and mmpretrain's."""

from .ceil_pool_resnet import CeilPoolResNet
from .dino_vision_transformer import DINOVisionTransformer
from .leaky_resnet import LeakyResNet
from .original_mix_vision_transformer import OriginalMixVisionTransformer

__all__ = [
    'CeilPoolResNet',
    'LeakyResNet',
    'OriginalMixVisionTransformer',
    'DINOVisionTransformer',
]
