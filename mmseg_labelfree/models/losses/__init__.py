"""Losses registered in mmseg's MODELS; the math is in ``mmseg_labelfree.ops``."""

from .activation_contrastive_loss import ActivationContrastiveLoss
from .affinity_loss import AffinityLoss
from .balanced_cross_entropy_loss import BalancedCrossEntropyLoss
from .bank_contrast import BankContrastLoss
from .base import BaseLoss, DecodeLoss, DistillationLoss
from .binary_distillation_loss import BinaryDistillationLoss
from .distribution_contrastive_loss import DistributionContrastiveLoss
from .entropy_balance_loss import EntropyBalanceLoss
from .feature_distance import FeatureDistance
from .feature_distillation_loss import FeatureDistillationLoss
from .image_presence_loss import ImagePresenceLoss
from .incremental_bce_loss import IncrementalBCELoss
from .knowledge_distillation_loss import KnowledgeDistillationLoss
from .local_pod_loss import LocalPODLoss
from .memory_bank_contrastive_loss import MemoryBankContrastiveLoss
from .multi_label_soft_margin_loss import MultiLabelSoftMarginLoss
from .pairwise_affinity_loss import PairwiseAffinityLoss
from .partial_cross_entropy_loss import PartialCrossEntropyLoss
from .symmetric_cross_entropy_loss import SymmetricCrossEntropyLoss
from .u2pl_official_contrastive_loss import U2PLOfficialContrastiveLoss
from .unbiased_cross_entropy_loss import UnbiasedCrossEntropyLoss
from .unbiased_knowledge_distillation_loss import UnbiasedKnowledgeDistillationLoss
from .unlabeled_set_cross_entropy_loss import UnlabeledSetCrossEntropyLoss
from .weibull_balance_loss import WeibullBalanceLoss

__all__ = [
    'ActivationContrastiveLoss',
    'AffinityLoss',
    'BalancedCrossEntropyLoss',
    'BankContrastLoss',
    'BaseLoss',
    'BinaryDistillationLoss',
    'DecodeLoss',
    'DistillationLoss',
    'DistributionContrastiveLoss',
    'EntropyBalanceLoss',
    'FeatureDistance',
    'FeatureDistillationLoss',
    'ImagePresenceLoss',
    'IncrementalBCELoss',
    'KnowledgeDistillationLoss',
    'LocalPODLoss',
    'MemoryBankContrastiveLoss',
    'MultiLabelSoftMarginLoss',
    'PairwiseAffinityLoss',
    'PartialCrossEntropyLoss',
    'SymmetricCrossEntropyLoss',
    'U2PLOfficialContrastiveLoss',
    'UnbiasedCrossEntropyLoss',
    'UnbiasedKnowledgeDistillationLoss',
    'UnlabeledSetCrossEntropyLoss',
    'WeibullBalanceLoss',
]
