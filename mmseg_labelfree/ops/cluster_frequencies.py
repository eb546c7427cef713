"""How frequent each cluster is in the batch of all processes."""

import torch
from torch import Tensor

from .collectives import mean_over_processes

__all__ = ['cluster_frequencies']


def cluster_frequencies(probabilities: Tensor) -> Tensor:
    """Compute the mean probability of each cluster over all pixels of all processes.

    Every process must call it, with equally many pixels. DDP averages gradients over
    the processes, so each process gets the derivative by its own pixels as if they
    were all: the average is that of the whole batch.

    Args:
        probabilities: ``(N, K, ...)``, floating point, sum to 1 over the K clusters.

    Returns:
        ``(K,)``, sums to 1; float32, or float64 for such an input.

    Example:
        >>> cluster_frequencies(torch.tensor([[0.5, 0.5], [1.0, 0.0]]))
        tensor([0.7500, 0.2500])
    """
    if probabilities.dtype != torch.float64:
        probabilities = probabilities.float()
    return mean_over_processes(probabilities.movedim(1, 0).flatten(1).mean(1))
