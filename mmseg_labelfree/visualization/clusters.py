"""Clusters of image features in the plane."""

import os
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from .figures import save_figure


def write_cluster_scatter(
    path: str | os.PathLike,
    features: np.ndarray,
    clusters: np.ndarray,
    truth: np.ndarray | None = None,
    classes: Sequence[str] | None = None,
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
        classes: Names of the classes.
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
    names = {k: f'cluster {k}' for k in np.unique(clusters)}
    _scatter(axes[0], points, clusters, names, 'clusters')
    if truth is not None:
        values, counts = np.unique(truth[truth >= 0], return_counts=True)
        present = values[np.argsort(-counts, kind='stable')]  # commonest first
        names = {v: classes[v] if classes is not None else str(v) for v in present}
        _scatter(axes[1], points, truth, names, 'classes of the ground truth')
    save_figure(figure, path)


def _plane(features: np.ndarray, method: str, seed: int) -> np.ndarray:
    # scikit-learn takes a second to import, and few runs draw this.
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    if method == 'pca':
        return PCA(2, random_state=seed).fit_transform(features)
    perplexity = min(30.0, (len(features) - 1) / 3)
    return TSNE(2, perplexity=perplexity, random_state=seed).fit_transform(features)


def _scatter(axes, points: np.ndarray, values: np.ndarray, names: dict, title: str):
    colors = matplotlib.color_sequences['tab20']
    for index, (value, name) in enumerate(names.items()):
        chosen = points[values == value]
        color = colors[index % len(colors)]
        marker = 'osD^'[index // len(colors) % 4]
        axes.scatter(*chosen.T, s=10, color=color, marker=marker, label=name)
    axes.set(xticks=[], yticks=[], title=title)
    axes.legend(
        fontsize='x-small',
        markerscale=1.5,
        ncols=1 + len(names) // 26,
        loc='upper left',
        bbox_to_anchor=(1, 1),
    )
