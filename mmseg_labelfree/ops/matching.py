"""Which class each cluster stands for: Hungarian and majority matching."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment

__all__ = ['UNMATCHED', 'hungarian_matching', 'majority_matching', 'overlap_scores']

# Class of a cluster that stands for none.
UNMATCHED = -1


def overlap_scores(confusion: ArrayLike, maximize: str = 'iou') -> np.ndarray:
    """Compute the score of every pair of a cluster and a class.

    Args:
        confusion: Numbers of pixels ``(K, C)`` of each cluster (row) in each class
            (column); integer array or tensor on the CPU, none negative.
        maximize: 'iou', the pair's intersection over union, 0 where both are empty;
            or 'pixels', the intersection.

    Returns:
        float64 ``(K, C)``.

    Raises:
        ValueError: ``confusion`` is no such matrix or ``maximize`` is unknown.

    Example:
        >>> overlap_scores([[5, 4], [6, 0]]).round(2).tolist()
        [[0.33, 0.44], [0.55, 0.0]]
    """
    counts = np.asarray(confusion)
    if counts.ndim != 2 or 0 in counts.shape or counts.dtype.kind not in 'iu':
        raise ValueError(
            'confusion must be an integer matrix (clusters, classes), got shape '
            f'{counts.shape} and type {counts.dtype}'
        )
    if counts.min() < 0:
        raise ValueError(f'confusion holds a negative count, {counts.min()}')
    counts = counts.astype(np.float64)
    if maximize == 'pixels':
        return counts
    if maximize != 'iou':
        raise ValueError(f"maximize must be 'iou' or 'pixels', not {maximize!r}")
    union = counts.sum(1, keepdims=True) + counts.sum(0) - counts
    return counts / np.maximum(union, 1)


def hungarian_matching(confusion: ArrayLike, maximize: str = 'iou') -> np.ndarray:
    """Match clusters and classes one to one, with the largest sum of scores.

    All of the fewer kind are matched, also where they have no pixel in common. With
    more clusters than classes the rest is unmatched; with fewer, some classes
    have no cluster.

    Args:
        confusion: As for :func:`overlap_scores`.
        maximize: As for :func:`overlap_scores`; STEGO and IDDC maximize 'pixels', the
            accuracy, EUMS the IoU.

    Returns:
        int64 ``(K,)``: class of each cluster, -1 for none.

    Example:
        >>> hungarian_matching([[5, 4], [6, 0], [0, 1]], 'pixels').tolist()
        [1, 0, -1]
    """
    scores = overlap_scores(confusion, maximize)
    classes = np.full(len(scores), UNMATCHED, np.int64)
    rows, columns = linear_sum_assignment(scores, maximize=True)
    classes[rows] = columns
    return classes


def majority_matching(confusion: ArrayLike, maximize: str = 'iou') -> np.ndarray:
    """Match each cluster to its best class; several clusters may share one.

    Made for over-clustering (EUMS, section 3.2): the clusters of a class are
    merged. Among equal scores the first class wins.

    Args:
        confusion: As for :func:`overlap_scores`.
        maximize: As for :func:`overlap_scores`.

    Returns:
        int64 ``(K,)``: class of each cluster, -1 for a cluster without a pixel.

    Example:
        >>> majority_matching([[5, 4], [6, 0], [0, 0]], 'pixels').tolist()
        [0, 0, -1]
    """
    scores = overlap_scores(confusion, maximize)
    return np.where(scores.any(axis=1), scores.argmax(axis=1), UNMATCHED)
