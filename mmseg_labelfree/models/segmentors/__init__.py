"""Subclasses of MMSegmentation's ``EncoderDecoder``, and what wraps segmentors."""

from .incremental import IncrementalEncoderDecoder
from .max_voting_tta import MaxVotingTTAModel
from .mean_teacher import MeanTeacherEncoderDecoder
from .mixed_batch import MixedBatch, real_pixels, split_batch
from .u2pl import U2PLEncoderDecoder

__all__ = [
    'IncrementalEncoderDecoder',
    'MaxVotingTTAModel',
    'MeanTeacherEncoderDecoder',
    'MixedBatch',
    'U2PLEncoderDecoder',
    'real_pixels',
    'split_batch',
]
