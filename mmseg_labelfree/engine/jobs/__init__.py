"""Stages of protocols that do not train, registered into ``TASK_UTILS``."""

from .base import Job, run_job
from .entropy_ranking_job import EntropyRankingJob
from .kmeans_job import KMeansJob
from .novel_clustering_job import NovelClusteringJob
from .pseudo_label_job import PseudoLabelJob
from .saliency_job import SaliencyJob
from .saliency_sources import (
    CachedSaliency,
    NetworkSaliency,
    RobustBackgroundSaliency,
    SaliencyFolder,
    SaliencySource,
)

__all__ = [
    'CachedSaliency',
    'EntropyRankingJob',
    'Job',
    'KMeansJob',
    'NetworkSaliency',
    'NovelClusteringJob',
    'PseudoLabelJob',
    'RobustBackgroundSaliency',
    'SaliencyFolder',
    'SaliencyJob',
    'SaliencySource',
    'run_job',
]
