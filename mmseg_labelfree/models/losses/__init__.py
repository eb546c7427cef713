"""Losses registered in mmseg's MODELS; the math is in ``mmseg_labelfree.ops``."""

from .base import BaseLoss, DecodeLoss, DistillationLoss
from .binary_distillation_loss import BinaryDistillationLoss
from .entropy_balance_loss import EntropyBalanceLoss
from .feature_distance import FeatureDistance
from .feature_distillation_loss import FeatureDistillationLoss
from .incremental_bce_loss import IncrementalBCELoss
from .knowledge_distillation_loss import KnowledgeDistillationLoss
from .memory_bank_contrastive_loss import MemoryBankContrastiveLoss
from .pairwise_affinity_loss import PairwiseAffinityLoss
from .partial_cross_entropy_loss import PartialCrossEntropyLoss
from .symmetric_cross_entropy_loss import SymmetricCrossEntropyLoss
from .unbiased_cross_entropy_loss import UnbiasedCrossEntropyLoss
from .unbiased_knowledge_distillation_loss import UnbiasedKnowledgeDistillationLoss
from .unlabeled_set_cross_entropy_loss import UnlabeledSetCrossEntropyLoss
from .weibull_balance_loss import WeibullBalanceLoss

__all__ = [
    'BaseLoss',
    'BinaryDistillationLoss',
    'DecodeLoss',
    'DistillationLoss',
    'EntropyBalanceLoss',
    'FeatureDistance',
    'FeatureDistillationLoss',
    'IncrementalBCELoss',
    'KnowledgeDistillationLoss',
    'MemoryBankContrastiveLoss',
    'PairwiseAffinityLoss',
    'PartialCrossEntropyLoss',
    'SymmetricCrossEntropyLoss',
    'UnbiasedCrossEntropyLoss',
    'UnbiasedKnowledgeDistillationLoss',
    'UnlabeledSetCrossEntropyLoss',
    'WeibullBalanceLoss',
]
