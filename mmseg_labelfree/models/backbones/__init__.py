"""Backbones that differ from MMSegmentation's."""

from .original_mix_vision_transformer import OriginalMixVisionTransformer

__all__ = ['OriginalMixVisionTransformer']
