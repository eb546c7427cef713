"""Probabilities of the classes in rare class sampling: pure NumPy."""

import numpy as np

__all__ = ['rare_class_probabilities']


def rare_class_probabilities(
    pixels: np.ndarray, temperature: float = 0.01
) -> np.ndarray:
    r"""Compute how often each class is drawn by rare class sampling.

    Rare class sampling (DAFormer, https://arxiv.org/abs/2111.14887, section 3.3):

    .. math:: P(c) = \frac{e^{(1 - f_c) / T}}{\sum_k e^{(1 - f_k) / T}}

    where :math:`f_c` is the share of class c in all labeled pixels. Classes without a
    pixel take no part.

    Args:
        pixels: Number of pixels of each class in the whole dataset ``(C,)``.
        temperature: T, above 0; the smaller, the more often rare classes are drawn.

    Returns:
        float64 ``(C,)``, with a sum of 1.

    Raises:
        ValueError: ``temperature`` is not above 0, or no class has a pixel.

    Example:
        >>> rare_class_probabilities(np.array([90, 10, 0]), 1.0).round(2).tolist()
        [0.31, 0.69, 0.0]
    """
    if not temperature > 0:
        raise ValueError(f'temperature={temperature} must be above 0')
    if not pixels.any():
        raise ValueError('no class has a pixel')
    share = pixels / pixels.sum()
    logits = np.where(
        pixels > 0, (share[pixels > 0].min() - share) / temperature, -np.inf
    )
    weights = np.exp(logits)
    return weights / weights.sum()
