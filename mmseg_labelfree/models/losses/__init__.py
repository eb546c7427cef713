"""Losses registered in mmseg's MODELS; the maths is in ``mmseg_labelfree.ops``."""

from .binary_distillation_loss import BinaryDistillationLoss
from .cluster_balance_losses import EntropyBalanceLoss, WeibullBalanceLoss
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

__all__ = [
    'BinaryDistillationLoss',
    'EntropyBalanceLoss',
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
