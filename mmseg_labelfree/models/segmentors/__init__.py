"""Subclasses of MMSegmentation's ``EncoderDecoder``, and what wraps segmentors."""

from .discriminative_clustering import DiscriminativeClusteringSegmentor
from .incremental import IncrementalEncoderDecoder
from .max_voting_tta import MaxVotingTTAModel
from .mean_teacher import MeanTeacherEncoderDecoder
from .mixed_batch import MixedBatch, real_pixels, split_batch
from .novel_class import NovelClassEncoderDecoder
from .saliency_net import SaliencyNet
from .u2pl import U2PLEncoderDecoder
from .zero_label import ZeroLabelEncoderDecoder

__all__ = [
    'DiscriminativeClusteringSegmentor',
    'IncrementalEncoderDecoder',
    'MaxVotingTTAModel',
    'MeanTeacherEncoderDecoder',
    'MixedBatch',
    'NovelClassEncoderDecoder',
    'SaliencyNet',
    'U2PLEncoderDecoder',
    'ZeroLabelEncoderDecoder',
    'real_pixels',
    'split_batch',
]
