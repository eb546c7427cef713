"""Two classes by one output: a sigmoid and a threshold, as logits of two classes."""

import math

import torch
from torch import Tensor

__all__ = ['two_class_logits']


def two_class_logits(logits: Tensor, threshold: float = 0.5) -> Tensor:
    r"""Write one output as logits of two classes; others are left as they are.

    The softmax of :math:`(0, z - \log \frac{t}{1 - t})` is larger for class 1 where
    :math:`\sigma(z) > t`. With t = 0.5 it is the sigmoid, and cross-entropy of the two
    logits is binary cross-entropy of the one.

    Args:
        logits: ``(N, 1, ...)``, or ``(N, C, ...)`` with an output for each class.
        threshold: Probability t from which a pixel is of class 1, between 0 and 1.

    Returns:
        ``(N, 2, ...)``, or ``logits``.

    Example:
        >>> two_class_logits(torch.tensor([[[-1.0, 2.0]]])).argmax(1).tolist()
        [[0, 1]]
    """
    if logits.shape[1] != 1:
        return logits
    border = math.log(threshold / (1 - threshold))
    return torch.cat([torch.zeros_like(logits), logits - border], dim=1)
