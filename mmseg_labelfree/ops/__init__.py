"""Tensor functions of the methods; torch and numpy only, no framework."""

from .binary_cross_entropy import (
    binary_distillation,
    incremental_binary_cross_entropy,
)
from .classifier_growth import grow_classifier
from .contrast_pairs import (
    anchor_classes,
    clamp_ranks,
    negative_classes,
    sample_per_class,
)
from .dense_crf import dense_crf
from .entropy import softmax_entropy
from .feature_bank import push_rows_, sample_queues
from .incremental import (
    knowledge_distillation,
    unbiased_cross_entropy,
    unbiased_knowledge_distillation,
)
from .info_nce import info_nce
from .label_maps import apply_table, loaded_labels, lookup_table
from .mixing import (
    blank,
    box_masks,
    class_masks,
    keep_some,
    mix,
    mixing_masks,
)
from .parameter_importance import (
    accumulate_path_,
    add_penalty_gradient_,
    normalize_importance,
    path_integral_score,
    quadratic_penalty,
    riemannian_score,
    update_fisher_,
)
from .pixel_loss import PixelLoss, fused_pixel_loss
from .prototypes import (
    class_means,
    denoised_logits,
    prototype_log_weights,
    update_prototypes_,
)
from .pseudo_labels import pseudo_labels
from .quantile import masked_quantile
from .reliability import (
    Partition,
    nearest_pixels,
    reliable_pixel_weight,
    split_by_entropy,
    unreliable_share,
)
from .symmetric_cross_entropy import symmetric_cross_entropy
from .unlabeled_set import image_classes, unlabeled_set_cross_entropy

__all__ = [
    'Partition',
    'PixelLoss',
    'accumulate_path_',
    'add_penalty_gradient_',
    'anchor_classes',
    'apply_table',
    'binary_distillation',
    'blank',
    'box_masks',
    'clamp_ranks',
    'class_masks',
    'class_means',
    'denoised_logits',
    'dense_crf',
    'fused_pixel_loss',
    'grow_classifier',
    'image_classes',
    'incremental_binary_cross_entropy',
    'info_nce',
    'keep_some',
    'knowledge_distillation',
    'loaded_labels',
    'lookup_table',
    'masked_quantile',
    'mix',
    'mixing_masks',
    'nearest_pixels',
    'negative_classes',
    'normalize_importance',
    'path_integral_score',
    'prototype_log_weights',
    'pseudo_labels',
    'push_rows_',
    'quadratic_penalty',
    'reliable_pixel_weight',
    'riemannian_score',
    'sample_per_class',
    'sample_queues',
    'softmax_entropy',
    'split_by_entropy',
    'symmetric_cross_entropy',
    'unbiased_cross_entropy',
    'unbiased_knowledge_distillation',
    'unlabeled_set_cross_entropy',
    'unreliable_share',
    'update_fisher_',
    'update_prototypes_',
]
