"""Clusters of image features by k-means on whitened principal components."""

from typing import NamedTuple

import numpy as np

__all__ = ['FeatureClusters', 'class_agreement', 'cluster_features']


class FeatureClusters(NamedTuple):
    """Result of :func:`cluster_features`.

    Attributes:
        assignment: Cluster of each image, int64 ``(N,)``, 0 to K - 1.
        reduced: What k-means saw, float32 ``(N, D)``.
        inertia: Sum of the squared distances to the clusters' centers.
    """

    assignment: np.ndarray
    reduced: np.ndarray
    inertia: float


def cluster_features(
    features: np.ndarray,
    num_clusters: int,
    pca_dim: int = 32,
    whiten: bool = True,
    seed: int = 0,
    num_init: int = 10,
) -> FeatureClusters:
    """Normalize each image's features, reduce them by PCA, cluster by k-means.

    Args:
        features: Floating point ``(N, C)``, one row an image, of any length each:
            rows are divided by their Euclidean norm.
        num_clusters: K.
        pca_dim: Principal components; fewer where N or C is smaller.
        whiten: Scale the components to variance 1.
        seed: Of the PCA's random projection and the centers that k-means starts at.
        num_init: Starts of k-means; the result of least inertia is kept.

    Returns:
        The clusters. The seed fixes them, up to rounding that depends on the number of
        threads.

    Raises:
        ValueError: There are more clusters than images, or a feature is not finite.

    Example:
        >>> features = np.array([[9.0, 1], [8, 1], [1, 9], [1, 8]])
        >>> found = cluster_features(features, num_clusters=2, pca_dim=1)
        >>> bool(found.assignment[0] == found.assignment[1] != found.assignment[2])
        True
    """
    # scikit-learn takes a second to import, which only this needs.
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    if num_clusters > len(features):
        raise ValueError(
            f'{num_clusters} clusters of {len(features)} images are impossible: use '
            'fewer clusters or more images'
        )
    features = np.asarray(features, np.float32)
    wrong = np.flatnonzero(~np.isfinite(features).all(1))
    if len(wrong):
        raise ValueError(f'the features of row {wrong[0]} are not finite')
    norm = np.linalg.norm(features, axis=1, keepdims=True)
    features = features / np.maximum(norm, 1e-12)
    size = min(pca_dim, *features.shape)
    reduced = PCA(size, whiten=whiten, random_state=seed).fit_transform(features)
    kmeans = KMeans(num_clusters, n_init=num_init, random_state=seed).fit(reduced)
    return FeatureClusters(
        kmeans.labels_.astype(np.int64), reduced, float(kmeans.inertia_)
    )


def class_agreement(clusters: np.ndarray, classes: np.ndarray) -> dict[str, float]:
    """Compute how well clusters agree with classes, both int ``(N,)``.

    Returns:
        ``purity``, the share of images that are of the commonest class of their
        cluster, and ``nmi``, the mutual information normalized by the mean entropy;
        both in percent.

    Example:
        >>> found = class_agreement(np.array([0, 0, 1, 1]), np.array([5, 5, 5, 7]))
        >>> found['purity'], round(found['nmi'], 1)
        (75.0, 34.4)
    """
    from sklearn.metrics import normalized_mutual_info_score
    from sklearn.metrics.cluster import contingency_matrix

    table = contingency_matrix(classes, clusters)
    return dict(
        purity=100 * float(table.max(0).sum() / table.sum()),
        nmi=100 * float(normalized_mutual_info_score(classes, clusters)),
    )
