"""Tensor functions of the methods; torch and numpy only, no framework."""

from .incremental import (
    knowledge_distillation,
    unbiased_cross_entropy,
    unbiased_knowledge_distillation,
)
from .pixel_loss import PixelLoss, fused_pixel_loss

__all__ = [
    'PixelLoss',
    'fused_pixel_loss',
    'knowledge_distillation',
    'unbiased_cross_entropy',
    'unbiased_knowledge_distillation',
]
