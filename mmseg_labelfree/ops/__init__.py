"""Tensor functions of the methods; torch and numpy only, no framework."""

from .activation_contrast import (
    activation_anchors,
    activation_negatives,
    keep_random,
    sample_members,
    with_background,
)
from .balanced_crops import balanced_places, crops_at, draw_places
from .balanced_cross_entropy import balanced_weights
from .binary_distillation import binary_distillation
from .block_masks import block_masks
from .box_masks import box_masks, varied_box_masks
from .channel_dropout import complementary_factors, draw_complementary_factors
from .class_activation import (
    activation_labels,
    agreeing_labels,
    multi_scale_activations,
    normalize_activations,
)
from .class_moments import class_moments, merge_moments_
from .classifier_growth import grow_classifier
from .cluster_frequencies import cluster_frequencies
from .consistency import (
    VIEW_SETS,
    View,
    ViewSet,
    consistent_labels,
    view_set,
)
from .contrast_pairs import (
    anchor_classes,
    clamp_ranks,
    classes_between_ranks,
    negative_classes,
    sample_per_class,
)
from .dense_crf import dense_crf
from .distribution_contrast import (
    distribution_contrast,
    mean_feature_regularizer,
)
from .entropy import softmax_entropy
from .entropy_balance import entropy_balance
from .entropy_ranking import Ranking, foreground_entropy, rank_and_split
from .entropy_thresholds import (
    BackgroundLabels,
    count_entropies,
    label_background,
    median_thresholds,
    official_entropy,
    official_thresholds,
)
from .feature_bank import push_rows_, sample_queues
from .feature_clustering import class_agreement, cluster_features
from .feature_distance import feature_distance, majority_labels, shrink_labels
from .feature_distillation import feature_distillation
from .image_presence import image_presence_loss
from .incremental_bce import incremental_bce
from .info_nce import info_nce
from .knowledge_distillation import knowledge_distillation
from .label_maps import apply_table, loaded_labels, lookup_table
from .local_pod import background_with_new, local_pod
from .masked_features import masked_feature_sum
from .matching import (
    hungarian_matching,
    majority_matching,
    overlap_scores,
)
from .mixing import (
    blank,
    class_masks,
    keep_some,
    mix,
    mixing_masks,
    pasted_class_masks,
)
from .novel_labels import fuse_labels, novel_map
from .pair_sums import pair_sum
from .pairwise_affinity import (
    draw_rotations,
    negative_pair_loss,
    positive_pair_loss,
    unit_embeddings,
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
from .partial_cross_entropy import image_mean_weights, partial_cross_entropy
from .pixel_adaptive_refinement import pixel_adaptive_refinement
from .pixel_terms import PixelTerm, striped_terms
from .probabilities import full_precision, log_share_within
from .prototypes import (
    class_means,
    denoised_logits,
    prototype_log_weights,
    update_prototypes_,
)
from .pseudo_labels import confident_pixels, confident_share, pseudo_labels
from .quantile import masked_quantile
from .rare_class_sampling import rare_class_probabilities
from .refined_labels import (
    background_scores,
    refine_scores,
    refined_labels,
)
from .reliability import (
    EntropySplit,
    logit_pixels,
    nearest_pixels,
    reliable_pixel_weight,
    split_by_entropy,
    unreliable_share,
)
from .robust_background import robust_background_saliency
from .saliency_losses import (
    hybrid_saliency_loss,
    soft_iou_loss,
    structural_similarity,
)
from .strips import striped_loss, striped_map
from .symmetric_cross_entropy import symmetric_cross_entropy
from .token_affinity import (
    affinity_loss,
    affinity_targets,
    propagate_activations,
)
from .two_classes import two_class_logits
from .u2pl_official import (
    classes_in_first_image,
    first_classes,
    official_negatives,
)
from .unbiased_cross_entropy import unbiased_cross_entropy
from .unbiased_knowledge_distillation import unbiased_knowledge_distillation
from .unknown_class import merge_unknown, name_old_objects
from .unlabeled_set_cross_entropy import image_classes, unlabeled_set_cross_entropy
from .weibull_balance import weibull_balance
from .weight_fusion import fuse_weights, new_share

__all__ = [
    'EntropySplit',
    'Ranking',
    'VIEW_SETS',
    'View',
    'ViewSet',
    'accumulate_path_',
    'activation_anchors',
    'activation_labels',
    'activation_negatives',
    'add_penalty_gradient_',
    'affinity_loss',
    'affinity_targets',
    'agreeing_labels',
    'anchor_classes',
    'apply_table',
    'background_scores',
    'balanced_places',
    'balanced_weights',
    'binary_distillation',
    'blank',
    'block_masks',
    'box_masks',
    'clamp_ranks',
    'class_agreement',
    'class_masks',
    'class_means',
    'class_moments',
    'classes_between_ranks',
    'classes_in_first_image',
    'cluster_features',
    'cluster_frequencies',
    'complementary_factors',
    'confident_pixels',
    'confident_share',
    'consistent_labels',
    'crops_at',
    'denoised_logits',
    'dense_crf',
    'distribution_contrast',
    'draw_places',
    'draw_complementary_factors',
    'draw_rotations',
    'entropy_balance',
    'feature_distance',
    'feature_distillation',
    'first_classes',
    'foreground_entropy',
    'fuse_weights',
    'fuse_labels',
    'full_precision',
    'keep_random',
    'log_share_within',
    'grow_classifier',
    'hungarian_matching',
    'hybrid_saliency_loss',
    'image_classes',
    'image_presence_loss',
    'incremental_bce',
    'info_nce',
    'keep_some',
    'knowledge_distillation',
    'loaded_labels',
    'logit_pixels',
    'lookup_table',
    'majority_labels',
    'majority_matching',
    'masked_feature_sum',
    'masked_quantile',
    'mean_feature_regularizer',
    'merge_moments_',
    'image_mean_weights',
    'merge_unknown',
    'mix',
    'mixing_masks',
    'name_old_objects',
    'nearest_pixels',
    'multi_scale_activations',
    'negative_classes',
    'negative_pair_loss',
    'new_share',
    'normalize_activations',
    'normalize_importance',
    'novel_map',
    'official_negatives',
    'overlap_scores',
    'pair_sum',
    'partial_cross_entropy',
    'pasted_class_masks',
    'varied_box_masks',
    'path_integral_score',
    'pixel_adaptive_refinement',
    'positive_pair_loss',
    'propagate_activations',
    'prototype_log_weights',
    'pseudo_labels',
    'push_rows_',
    'quadratic_penalty',
    'rank_and_split',
    'rare_class_probabilities',
    'refine_scores',
    'refined_labels',
    'reliable_pixel_weight',
    'riemannian_score',
    'robust_background_saliency',
    'sample_members',
    'sample_per_class',
    'sample_queues',
    'shrink_labels',
    'soft_iou_loss',
    'softmax_entropy',
    'split_by_entropy',
    'structural_similarity',
    'striped_loss',
    'striped_map',
    'striped_terms',
    'PixelTerm',
    'symmetric_cross_entropy',
    'two_class_logits',
    'unbiased_cross_entropy',
    'unbiased_knowledge_distillation',
    'unit_embeddings',
    'unlabeled_set_cross_entropy',
    'unreliable_share',
    'update_fisher_',
    'update_prototypes_',
    'view_set',
    'weibull_balance',
    'with_background',
    'BackgroundLabels',
    'count_entropies',
    'label_background',
    'median_thresholds',
    'official_entropy',
    'official_thresholds',
    'background_with_new',
    'local_pod',
]
