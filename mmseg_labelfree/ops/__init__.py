"""Tensor functions of the methods; torch and numpy only, no framework."""

from .classifier_growth import grow_classifier
from .incremental import (
    knowledge_distillation,
    unbiased_cross_entropy,
    unbiased_knowledge_distillation,
)
from .label_maps import apply_table, loaded_labels, lookup_table
from .pixel_loss import PixelLoss, fused_pixel_loss

__all__ = [
    'PixelLoss',
    'apply_table',
    'fused_pixel_loss',
    'grow_classifier',
    'knowledge_distillation',
    'loaded_labels',
    'lookup_table',
    'unbiased_cross_entropy',
    'unbiased_knowledge_distillation',
]
