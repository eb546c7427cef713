"""Scatter plot of clusters of image features."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..utils.cluster_names import name_clusters
from .figures import label_colors, save_figure


def write_cluster_scatter(
    path: str | os.PathLike,
    features: np.ndarray,
    clusters: np.ndarray,
    truth: np.ndarray | None = None,
    metainfo: Mapping[str, Any] | None = None,
    method: str = 'tsne',
    seed: int = 0,
    max_points: int = 1000,
) -> None:
    """Write a scatter plot of images, colored by cluster and, if known, by class.

    Args:
        path: PNG to write; its folder is made if need be.
        features: ``(N, D)``, what was clustered; N is 3 or more.
        clusters: Cluster of each image, ``(N,)``.
        truth: True class of each image, ``(N,)``; adds a second picture with the
            same points. -1 is not drawn.
        metainfo: ``classes`` and ``palette`` of the classes. Defaults to their numbers
            in the colors of ``label_colors``.
        method: 'tsne' (t-SNE, as in EUMS figure 3) or 'pca'.
        seed: Of t-SNE and of the choice of points.
        max_points: Of more images a random part is drawn; t-SNE takes some 5 s for
            1000 on one core.

    Raises:
        ValueError: ``method`` is unknown or there are fewer than 3 images.
    """
    if method not in ('tsne', 'pca'):
        raise ValueError(f"method must be 'tsne' or 'pca', not {method!r}")
    if len(features) < 3:
        raise ValueError(f'{path}: {len(features)} images are too few for a scatter')
    if len(features) > max_points:
        rng = np.random.default_rng(seed)
        chosen = np.sort(rng.choice(len(features), max_points, replace=False))
        features, clusters = features[chosen], clusters[chosen]
        truth = None if truth is None else truth[chosen]
    points = _plane(features, method, seed)
    width = 7 if truth is None else 14
    figure = Figure(figsize=(width, 5), layout='constrained')
    axes = figure.subplots(1, 1 if truth is None else 2, squeeze=False)[0]
    _scatter(axes[0], points, clusters, name_clusters(None, clusters.max() + 1))
    axes[0].set_title('clusters')
    if truth is not None:
        _scatter(axes[1], points, truth, metainfo or {})
        axes[1].set_title('classes of the ground truth')
    save_figure(figure, path)


def _plane(features: np.ndarray, method: str, seed: int) -> np.ndarray:
    # scikit-learn takes a second to import, and few runs draw this.
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    if method == 'pca':
        return PCA(2, random_state=seed).fit_transform(features)
    perplexity = min(30.0, (len(features) - 1) / 3)
    return TSNE(2, perplexity=perplexity, random_state=seed).fit_transform(features)


def _scatter(axes, points: np.ndarray, values: np.ndarray, info: Mapping) -> None:
    """Scatter points in the colors of their values, the commonest value first."""
    names, colors = info.get('classes'), label_colors(info.get('palette')) / 255
    present, counts = np.unique(values[values >= 0], return_counts=True)
    for index, value in enumerate(present[np.argsort(-counts, kind='stable')]):
        axes.scatter(
            *points[values == value].T,
            s=10,
            color=colors[value],
            marker='osD^v'[index % 5],
            label=names[value] if names else str(value),
        )
    axes.set(xticks=[], yticks=[])
    axes.legend(
        fontsize='x-small',
        markerscale=1.5,
        ncols=1 + len(present) // 26,
        loc='upper left',
        bbox_to_anchor=(1, 1),
    )
