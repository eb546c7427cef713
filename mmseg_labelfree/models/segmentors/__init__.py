"""Subclasses of MMSegmentation's ``EncoderDecoder``, and what wraps segmentors."""

from .incremental import IncrementalEncoderDecoder
from .max_voting_tta import MaxVotingTTAModel
from .mean_teacher import MeanTeacherEncoderDecoder
from .mixed_batch import MixedBatch, real_pixels, split_batch

__all__ = [
    'IncrementalEncoderDecoder',
    'MaxVotingTTAModel',
    'MeanTeacherEncoderDecoder',
    'MixedBatch',
    'real_pixels',
    'split_batch',
]
