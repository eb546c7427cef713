"""Salient objects without training, by their contrast to the background."""

import numpy as np
from scipy.sparse.csgraph import dijkstra
from skimage.color import rgb2lab
from skimage.segmentation import slic

__all__ = ['robust_background_saliency']

_COLOR_SCALE = 10.0  # sigma_clr of the paper, in units of CIE Lab
_SPACE_SCALE = 0.4  # sigma_spa; image sides are 1
_BORDER_SCALE = 1.0  # sigma_bndcon
_BACKGROUND_WEIGHT = 5.0
_COMPACTNESS = 20.0  # of the superpixels
_SMOOTHNESS = 0.1  # least weight between neighbors (mu)


def robust_background_saliency(
    image: np.ndarray, num_superpixels: int = 200
) -> np.ndarray:
    """Compute the saliency of each pixel by its contrast to the background.

    Zhu, Liang, Wei and Sun, Saliency Optimization from Robust Background Detection,
    CVPR 2014. Superpixels whose color region touches much of the image border for its
    area are background; superpixels that differ from nearby background are
    foreground; a quadratic energy over the neighborhood graph smooths the two. Regions
    as a whole come out, where the spectral residual method finds their outlines.

    Args:
        image: uint8 ``(H, W, 3)``, RGB.
        num_superpixels: Superpixels of SLIC, about.

    Returns:
        float32 ``(H, W)`` from 0 to 1; all 0 for an image without contrast.

    Example:
        >>> image = np.zeros((60, 60, 3), np.uint8)
        >>> image[20:40, 20:40] = 255  # a white square on black
        >>> saliency = robust_background_saliency(image)
        >>> bool(saliency[30, 30] > 0.9 and saliency[5, 5] < 0.1)
        True
    """
    lab = rgb2lab(image)
    segments = slic(
        image,  # in Lab of its own scale; a Lab image it would squeeze into 0..1
        n_segments=num_superpixels,
        compactness=_COMPACTNESS,
        start_label=0,
    )
    segments = np.unique(segments, return_inverse=True)[1].reshape(segments.shape)
    color, place = _means(lab, segments)
    distance = _pairwise(color)
    linked = _neighbors(segments)
    border = np.unique(
        np.concatenate([segments[0], segments[-1], segments[:, 0], segments[:, -1]])
    )
    background = _background(distance, linked, border)
    nearness = np.exp(-(_pairwise(place) ** 2) / (2 * _SPACE_SCALE**2))
    foreground = _stretch((distance * nearness * background).sum(1))
    foreground[foreground < foreground.mean()] = 0
    smooth = np.exp(-(distance**2) / (2 * _COLOR_SCALE**2)) + _SMOOTHNESS
    smooth = np.where(linked, smooth, 0)
    energy = np.diag(
        smooth.sum(1) + _BACKGROUND_WEIGHT * background + foreground + 1e-9
    )
    saliency = np.linalg.solve(energy - smooth, foreground)
    return _stretch(saliency).astype(np.float32)[segments]


def _means(lab: np.ndarray, segments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean color and mean place of each superpixel; the longer side has length 1."""
    flat, count = segments.ravel(), np.bincount(segments.ravel())
    grid = np.indices(segments.shape) / max(segments.shape)
    parts = [*np.moveaxis(lab, -1, 0), *grid]
    means = [np.bincount(flat, p.ravel()) / count for p in parts]
    return np.stack(means[:3], 1), np.stack(means[3:], 1)


def _pairwise(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[:, None] - points[None], axis=2)


def _neighbors(segments: np.ndarray) -> np.ndarray:
    """Bool ``(K, K)``: which superpixels touch."""
    num = segments.max() + 1
    linked = np.zeros((num, num), bool)
    linked[segments[:, :-1], segments[:, 1:]] = True
    linked[segments[:-1], segments[1:]] = True
    linked |= linked.T
    np.fill_diagonal(linked, False)
    return linked


def _background(
    distance: np.ndarray, linked: np.ndarray, border: np.ndarray
) -> np.ndarray:
    """Probability of background by boundary connectivity (eq. 3 to 6)."""
    if not linked.any():
        return np.ones(len(distance))
    # Steps below the usual distance to the most similar neighbor count as none.
    closest = np.where(linked, distance, np.inf).min(1)
    step = np.maximum(distance - closest.mean(), 0) + 1e-6
    joined = linked.copy()
    joined[np.ix_(border, border)] = True  # an object may cut the background in two
    np.fill_diagonal(joined, False)
    geodesic = dijkstra(np.where(joined, step, 0), directed=False)
    similar = np.exp(-(geodesic**2) / (2 * _COLOR_SCALE**2))
    connectivity = similar[:, border].sum(1) / np.sqrt(similar.sum(1))
    return 1 - np.exp(-(connectivity**2) / (2 * _BORDER_SCALE**2))


def _stretch(values: np.ndarray) -> np.ndarray:
    """Scale to 0..1; values that are all but equal become 0."""
    low, span = values.min(), np.ptp(values)
    return (values - low) / span if span > 1e-9 else np.zeros_like(values)
