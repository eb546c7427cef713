"""Names and colors of outputs that are clusters."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from .checkpoint import load_checkpoint
from .files import atomic_path

__all__ = [
    'DATA_META',
    'data_meta',
    'describe_outputs',
    'matched_classes',
    'name_clusters',
    'store_output_meta',
]

#: Entry in the ``meta`` of checkpoints: ``dataset_meta`` of the training data, where
#: ``dataset_meta`` itself describes the outputs of the model.
DATA_META = 'data_meta'


def name_clusters(
    metainfo: Mapping[str, Any] | None,
    num_clusters: int,
    num_old_classes: int = 0,
    matched: Sequence[str | None] | None = None,
) -> dict[str, Any]:
    """Describe the outputs of a model whose last ones are clusters.

    Args:
        metainfo: ``classes`` and ``palette`` of the data, if it has them.
        num_clusters: Number of clusters.
        num_old_classes: Outputs before the clusters, which are the first classes.
        matched: Class of each cluster, None for one without. Defaults to none at all.

    Returns:
        ``metainfo`` with a name and a color for each output: those of its class for a
        matched cluster, ``cluster_0`` and so on and a color of its own for another.

    Example:
        >>> data = dict(classes=('sky', 'sea'), palette=[[0, 0, 9], [0, 9, 9]])
        >>> name_clusters(data, 2, matched=['sea', None])['classes']
        ('sea', 'cluster_1')
    """
    info = dict(metainfo or {})
    classes = list(info.get('classes') or ())
    palette = [list(color) for color in info.get('palette') or ()]
    colors = np.random.default_rng(0).integers(64, 256, (num_clusters, 3)).tolist()
    of_class = dict(zip(classes, palette, strict=False))
    names = [
        f'cluster_{k}' if name is None else name
        for k, name in enumerate(matched or [None] * num_clusters)
    ]
    chosen = [
        of_class.get(name, color) for name, color in zip(names, colors, strict=True)
    ]
    info['classes'] = (*classes[:num_old_classes], *names)
    info['palette'] = [*palette[:num_old_classes], *chosen]
    return info


def matched_classes(
    meta: Mapping[str, Any], num_old_classes: int = 0
) -> list[str | None] | None:
    """Get the class of each cluster from a checkpoint's ``meta``.

    Args:
        meta: ``meta`` of a checkpoint.
        num_old_classes: Outputs before the clusters.

    Returns:
        Names, None for a cluster without a class, as :func:`name_clusters` takes them;
        None where no validation has matched the clusters of these weights.

    Example:
        >>> outputs = dict(classes=('sky', 'sea', 'cluster_1'))
        >>> matched_classes(dict(dataset_meta=outputs, data_meta={}), 1)
        ['sea', None]
    """
    if DATA_META not in meta:
        return None
    names = meta['dataset_meta']['classes'][num_old_classes:]
    matched = [None if n == f'cluster_{k}' else n for k, n in enumerate(names)]
    return matched if any(matched) else None


def data_meta(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Get classes and palette of the training data from a checkpoint's ``meta``.

    Its ``dataset_meta`` describes the outputs, which may be clusters.

    Example:
        >>> data_meta(dict(dataset_meta=dict(classes=('sky',))))
        {'classes': ('sky',)}
    """
    return meta.get(DATA_META, meta.get('dataset_meta')) or {}


def store_output_meta(path: str | os.PathLike, outputs: Mapping[str, Any]) -> None:
    """Write the description of a model's outputs into a checkpoint that is there.

    Args:
        path: The file, which is replaced at once.
        outputs: ``classes`` and ``palette``, see :func:`name_clusters`.
    """
    checkpoint, _ = load_checkpoint(path)
    describe_outputs(checkpoint, outputs)
    with atomic_path(path) as temporary:
        torch.save(checkpoint, temporary)


def describe_outputs(checkpoint: dict[str, Any], outputs: Mapping[str, Any]) -> None:
    """Let ``dataset_meta`` of a checkpoint describe the outputs instead of the data."""
    meta = checkpoint['meta']
    data = meta.setdefault('dataset_meta', None)
    meta.setdefault(DATA_META, data)
    names = {key: outputs[key] for key in ('classes', 'palette')}
    meta['dataset_meta'] = dict(meta['dataset_meta'] or {}, **names)
