"""Novel regions of images and the labels that clustering gives them (EUMS, eq. 3-4)."""

import numpy as np

__all__ = ['fuse_labels', 'novel_map']


def novel_map(saliency: np.ndarray, base: np.ndarray, threshold: float) -> np.ndarray:
    """Find the salient pixels that are not surely of a base class (EUMS, eq. 3).

    Args:
        saliency: uint8 ``(H, W)``, 0 to 255.
        base: Labels ``(H, W)`` of eq. 2: the base class where the base model is sure
            of one, otherwise 0.
        threshold: A pixel is salient above this share of 255, 0 to 1.

    Returns:
        Bool ``(H, W)``.

    Raises:
        ValueError: The sizes differ.

    Example:
        >>> saliency, base = np.array([[200, 200, 9]], np.uint8), np.array([[0, 4, 0]])
        >>> novel_map(saliency, base, threshold=0.5).tolist()
        [[True, False, False]]
    """
    if saliency.shape != base.shape:
        raise ValueError(
            f'saliency map {saliency.shape} and labels {base.shape} differ in size'
        )
    return (saliency > 255 * threshold) & (base == 0)


def fuse_labels(base: np.ndarray, novel: np.ndarray, label: int) -> np.ndarray:
    """Write the label of the image's cluster over its base labels (EUMS, eq. 4).

    Pixels of neither are background: unsure base pixels that are not salient too.

    Args:
        base: As for :func:`novel_map`.
        novel: Bool ``(H, W)`` of :func:`novel_map`.
        label: Label of the cluster, above those of the base classes, at most 254.

    Returns:
        uint8 ``(H, W)``.

    Example:
        >>> novel = np.array([[True, False, False]])
        >>> fuse_labels(np.array([[0, 4, 0]]), novel, 16).tolist()
        [[16, 4, 0]]
    """
    return np.where(novel, label, base).astype(np.uint8)
