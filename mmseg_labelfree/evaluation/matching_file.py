"""File of the classes that a validation has matched with clusters."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..ops.matching import UNMATCHED
from ..utils.files import write_text

__all__ = ['class_indices', 'read_matching', 'write_matching']


def write_matching(
    path: str | os.PathLike, matched: Sequence[str | None], **settings: Any
) -> None:
    """Write the class of each cluster.

    Args:
        path: The file; its folder is made.
        matched: Names of the classes, None for a cluster without one.
        **settings: How they were found, ``num_old_classes`` among them.
    """
    content = dict(settings, classes=matched)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(content, indent=2) + '\n')


def read_matching(
    path: str | os.PathLike,
    names: Sequence[str],
    num_clusters: int,
    num_old_classes: int,
) -> np.ndarray:
    """Read what :func:`write_matching` has left.

    Args:
        path: The file.
        names: The classes that clusters may have.
        num_clusters: K, clusters of the metric that reads.
        num_old_classes: Classes before ``names``.

    Returns:
        Index of each cluster's class in ``names``, int64 ``(K,)``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is of other clusters or classes, or damaged.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f'matching_file {path} does not exist: evaluate with save_matching '
            'first, for instance on the validation split'
        )
    try:
        content = json.loads(Path(path).read_text(encoding='utf-8'))
        stored, old = list(content['classes']), int(content['num_old_classes'])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f'{path} is no file of save_matching: {error!r}') from None
    if (len(stored), old) != (num_clusters, num_old_classes):
        raise ValueError(
            f'{path} matches {len(stored)} clusters after {old} known classes, but '
            f'ClusteringIoUMetric has num_clusters={num_clusters} and '
            f'num_old_classes={num_old_classes}'
        )
    unknown = {name for name in stored if name is not None} - set(names)
    if unknown:
        raise ValueError(
            f'{path} matches clusters to {sorted(unknown)}, but the classes to be '
            f'discovered are {list(names)}'
        )
    return class_indices(stored, names)


def class_indices(matched: Sequence[str | None], names: Sequence[str]) -> np.ndarray:
    """Index in ``names`` of each cluster's class, int64 ``(K,)``.

    Example:
        >>> class_indices(['cat', None], ['dog', 'cat'])
        array([ 1, -1])
    """
    index = {None: UNMATCHED} | {name: i for i, name in enumerate(names)}
    return np.array([index[name] for name in matched], np.int64)
