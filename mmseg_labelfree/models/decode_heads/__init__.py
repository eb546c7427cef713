"""Decode heads that MMSegmentation lacks."""

from .clustering_head import ClusteringHead
from .daformer_head import DAFormerHead
from .deeplab_v2_head import DeepLabV2Head
from .deeplab_v3_head import DeepLabV3Head
from .deeplab_v3_sum_head import DeepLabV3SumHead
from .deeplab_v3plus_head import DeepLabV3PlusHead
from .image_label_head import ImageLabelHead
from .multi_level_representation_head import MultiLevelRepresentationHead
from .patch_dpt_head import PatchDPTHead
from .representation_head import RepresentationHead
from .semantic_projection_head import SemanticProjectionHead
from .step_branch_head import StepBranchHead

__all__ = [
    'ClusteringHead',
    'DAFormerHead',
    'DeepLabV2Head',
    'DeepLabV3Head',
    'DeepLabV3PlusHead',
    'DeepLabV3SumHead',
    'ImageLabelHead',
    'MultiLevelRepresentationHead',
    'PatchDPTHead',
    'RepresentationHead',
    'SemanticProjectionHead',
    'StepBranchHead',
]
