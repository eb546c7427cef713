"""Stages of protocols that do not train, registered into ``TASK_UTILS``."""

from .base import ImageJob, Images, Job, image_names, run_job
from .entropy_ranking_job import EntropyRankingJob
from .kmeans_job import KMeansJob
from .novel_clustering_job import NovelClusteringJob
from .pseudo_label_job import PseudoLabelJob
from .result_folder import ResultFolder
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
    'ImageJob',
    'Images',
    'Job',
    'KMeansJob',
    'NetworkSaliency',
    'NovelClusteringJob',
    'PseudoLabelJob',
    'ResultFolder',
    'RobustBackgroundSaliency',
    'SaliencyFolder',
    'SaliencyJob',
    'SaliencySource',
    'image_names',
    'run_job',
]
