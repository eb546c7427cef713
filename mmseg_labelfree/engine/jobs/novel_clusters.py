"""The clusters of the images that have a novel region."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...ops.feature_clustering import FeatureClusters, cluster_features
from .novel_regions import KEPT, NovelRegion

__all__ = ['ClusteredImages', 'cluster_regions']


class ClusteredImages(NamedTuple):
    """Which images are kept, and their clusters.

    Attributes:
        decisions: Decision and novel area of every image, see :class:`NovelRegion`.
        kept: Indices of the N images that are kept.
        clusters: Clusters of these, in this order.
    """

    decisions: list[tuple[str, int]]
    kept: list[int]
    clusters: FeatureClusters


def cluster_regions(
    files: Sequence[Path], num_clusters: int, **settings: Any
) -> ClusteredImages:
    """Cluster the features of novel regions.

    Args:
        files: A file of :meth:`NovelRegion.write` for each image.
        num_clusters: K.
        **settings: As for :func:`~mmseg_labelfree.ops.cluster_features`.

    Raises:
        ValueError: No image is kept, or fewer than K are.
    """
    decisions, kept, features = [], [], []
    for index, file in enumerate(files):
        decision, area, feature = NovelRegion.read_outcome(file)
        decisions.append((decision, area))
        if decision == KEPT:
            kept.append(index)
            features.append(feature)
    if not kept:
        reasons = Counter(decision for decision, _ in decisions)
        raise ValueError(
            f'none of {len(files)} images has a novel region: '
            + ', '.join(f'{count} x {reason}' for reason, count in reasons.items())
            + '; check the saliency maps, or lower min_area or saliency_threshold'
        )
    clusters = cluster_features(np.stack(features), num_clusters, **settings)
    return ClusteredImages(decisions, kept, clusters)
