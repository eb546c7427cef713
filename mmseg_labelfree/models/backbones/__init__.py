"""Backbones that differ from MMSegmentation's."""

from .ceil_pool_resnet import CeilPoolResNet
from .original_mix_vision_transformer import OriginalMixVisionTransformer

__all__ = ['CeilPoolResNet', 'OriginalMixVisionTransformer']
