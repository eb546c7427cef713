"""Stages of protocols that do not train, registered into ``TASK_UTILS``."""

from .cluster_novel_classes import ClusterNovelClasses
from .kmeans_clusters import KMeansClusters
from .make_saliency_maps import MakeSaliencyMaps
from .rank_novel_images import RankNovelImages

__all__ = [
    'ClusterNovelClasses',
    'KMeansClusters',
    'MakeSaliencyMaps',
    'RankNovelImages',
]
