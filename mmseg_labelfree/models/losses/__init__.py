"""Losses registered in mmseg's MODELS; the maths is in ``mmseg_labelfree.ops``."""

from .knowledge_distillation_loss import KnowledgeDistillationLoss
from .unbiased_cross_entropy_loss import UnbiasedCrossEntropyLoss
from .unbiased_knowledge_distillation_loss import UnbiasedKnowledgeDistillationLoss

__all__ = [
    'KnowledgeDistillationLoss',
    'UnbiasedCrossEntropyLoss',
    'UnbiasedKnowledgeDistillationLoss',
]
