"""Subclasses of MMSegmentation's ``EncoderDecoder``, and what wraps segmentors."""

from .activation_maps import ActivationEncoderDecoder, ActivationView
from .background_labeling import BackgroundLabelingEncoderDecoder
from .discriminative_clustering import DiscriminativeClusteringSegmentor
from .feature_distance import FeatureDistanceEncoderDecoder, FeatureDistanceMixin
from .image_level import ImageLevelEncoderDecoder
from .image_level_u2pl import ImageLevelU2PLEncoderDecoder
from .incremental import IncrementalEncoderDecoder
from .max_voting_tta import MaxVotingTTAModel
from .mean_teacher import MeanTeacherEncoderDecoder
from .mixed_batch import MixedBatch, real_pixels, split_batch
from .network_outputs import NetworkOutputs
from .novel_class import NovelClassEncoderDecoder
from .saliency_net import SaliencyNet
from .sepico import SePiCoEncoderDecoder
from .striped import StripedEncoderDecoder
from .target_crop import TargetCrop
from .teacher_student import TeacherStudentEncoderDecoder
from .teacher_view import (
    TeacherView,
    ViewMasking,
    ViewMixing,
    blank_view,
    mix_view,
)
from .u2pl import U2PLEncoderDecoder
from .u2pl_official import U2PLOfficialEncoderDecoder
from .unimatch import UniMatchEncoderDecoder
from .unimatch_v2 import UniMatchV2EncoderDecoder
from .unknown_class import UnknownClassEncoderDecoder
from .zero_label import ZeroLabelEncoderDecoder

__all__ = [
    'ActivationEncoderDecoder',
    'ActivationView',
    'BackgroundLabelingEncoderDecoder',
    'DiscriminativeClusteringSegmentor',
    'FeatureDistanceEncoderDecoder',
    'FeatureDistanceMixin',
    'ImageLevelEncoderDecoder',
    'ImageLevelU2PLEncoderDecoder',
    'IncrementalEncoderDecoder',
    'MaxVotingTTAModel',
    'MeanTeacherEncoderDecoder',
    'MixedBatch',
    'NetworkOutputs',
    'NovelClassEncoderDecoder',
    'SaliencyNet',
    'SePiCoEncoderDecoder',
    'StripedEncoderDecoder',
    'TargetCrop',
    'TeacherStudentEncoderDecoder',
    'TeacherView',
    'U2PLEncoderDecoder',
    'U2PLOfficialEncoderDecoder',
    'UniMatchEncoderDecoder',
    'UnknownClassEncoderDecoder',
    'UniMatchV2EncoderDecoder',
    'ViewMasking',
    'ViewMixing',
    'ZeroLabelEncoderDecoder',
    'blank_view',
    'mix_view',
    'real_pixels',
    'split_batch',
]
