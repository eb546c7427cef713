"""Backbones that differ from MMSegmentation's and mmpretrain's."""

from .ceil_pool_resnet import CeilPoolResNet
<<<<<<< HEAD
from .original_mix_vision_transformer import OriginalMixVisionTransformer

__all__ = ['CeilPoolResNet', 'OriginalMixVisionTransformer']
=======
from .dino_vision_transformer import DINOVisionTransformer
from .original_mix_vision_transformer import OriginalMixVisionTransformer

__all__ = [
    'CeilPoolResNet',
    'OriginalMixVisionTransformer',
    'DINOVisionTransformer',
]
>>>>>>> net_iddc
