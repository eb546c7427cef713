"""Affinity of the tokens of a transformer: targets, loss and propagation."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .label_maps import IGNORE
from .probabilities import full_precision
from .reliability import nearest_pixels

__all__ = ['affinity_loss', 'affinity_targets', 'propagate_activations']


def affinity_targets(
    labels: Tensor,
    radius: int = 8,
    ignore: int = IGNORE,
    size: Sequence[int] | None = None,
) -> Tensor:
    """Find which pairs of tokens belong to one class (AFA).

    Section 3.3 of https://arxiv.org/abs/2203.02664. Two tokens of background are a pair
    of one class as well, and so is a token with itself.

    Args:
        labels: Class indices ``(N, H, W)``, an integer dtype.
        radius: Largest distance of a pair in rows or columns, whichever is larger.
            Defaults to 8.
        ignore: Label whose pairs are ignored. Defaults to 255.
        size: Rows and columns of tokens (h, w), each of which takes the label of the
            nearest pixel. Defaults to None: a token for each label.

    Returns:
        uint8 ``(N, h w, h w)``: 1 = one class, 0 = two classes, 255 = farther apart, or
        one of the two is ignored.

    Example:
        >>> affinity_targets(torch.tensor([[[0, 0, 3, 255]]]), radius=1)[0, 1]
        tensor([  1,   1,   0, 255], dtype=torch.uint8)
    """
    if size is not None:
        labels = nearest_pixels(labels, size)
    near = _within(labels.shape[1:], radius, labels.device)
    tokens = labels.flatten(1)
    same = tokens[:, :, None] == tokens[:, None]
    known = tokens != ignore
    counts = known[:, :, None] & known[:, None] & near
    return same.byte().masked_fill_(~counts, IGNORE)


def affinity_loss(affinity: Tensor, targets: Tensor) -> Tensor:
    r"""Compute the loss of an affinity of tokens (AFA).

    Section 3.3 of https://arxiv.org/abs/2203.02664, without a logarithm:

    .. math::
        \frac12 \frac{\sum_{+} (1 - A)}{1 + |+|} + \frac12 \frac{\sum_{-} A}{1 + |-|}

    over the pairs of one class and of two classes of the whole batch.

    Args:
        affinity: A, floating point ``(N, n, n)``, 0 to 1.
        targets: Of :func:`affinity_targets`, ``(N, n, n)``.

    Returns:
        A scalar, float32 (float64 for float64); 0 with a zero gradient if every pair is
        ignored.

    Raises:
        ValueError: The shapes differ.

    Example:
        >>> affinity_loss(torch.full((1, 2, 2), 0.5), torch.ones(1, 2, 2))  # 2 / 5 / 2
        tensor(0.2000)
    """
    if affinity.shape != targets.shape:
        raise ValueError(
            f'the affinity {tuple(affinity.shape)} and its targets '
            f'{tuple(targets.shape)} differ in shape'
        )
    a = full_precision(affinity)
    one, two = targets == 1, targets == 0
    positive = torch.where(one, 1 - a, 0).sum() / (one.sum() + 1)
    negative = torch.where(two, a, 0).sum() / (two.sum() + 1)
    return 0.5 * (positive + negative)


@torch.no_grad()
def propagate_activations(
    activations: Tensor,
    affinity: Tensor,
    radius: int = 8,
    power: float = 2.0,
    eps: float = 0.1,
) -> Tensor:
    r"""Spread activations to tokens that are alike (AFA).

    Section 3.3 of https://arxiv.org/abs/2203.02664:
    :math:`M_j' = \sum_i M_i A_{ij}^p / (\sum_i A_{ij}^p + \epsilon)` over the tokens i
    within the radius of j. No gradient flows.

    Args:
        activations: M, ``(N, C, h, w)``.
        affinity: A, ``(N, h w, h w)``, 0 to 1. It stays as it is.
        radius: Largest distance in rows or columns. Defaults to 8.
        power: p. Defaults to 2.
        eps: Added to the sums, so that a token without any like it keeps little.
            Defaults to 0.1.

    Returns:
        ``(N, C, h, w)``, float32 (float64 for float64).

    Raises:
        ValueError: The affinity is not one of these tokens.

    Example:
        >>> maps, alike = torch.tensor([[[[1.0, 0.0]]]]), torch.ones(1, 2, 2)
        >>> propagate_activations(maps, alike)
        tensor([[[[0.4762, 0.4762]]]])
    """
    num, _, *size = activations.shape
    tokens = size[0] * size[1]
    if affinity.shape != (num, tokens, tokens):
        raise ValueError(
            f'activations {tuple(activations.shape)} need an affinity of shape '
            f'{(num, tokens, tokens)}, got {tuple(affinity.shape)}'
        )
    weights = full_precision(affinity).pow(power)
    weights *= _within(size, radius, weights.device)
    with torch.autocast(weights.device.type, enabled=False):
        spread = full_precision(activations).flatten(2) @ weights
    return (spread / (weights.sum(1, keepdim=True) + eps)).unflatten(2, size)


def _within(size: Sequence[int], radius: int, device: torch.device) -> Tensor:
    """Whether two tokens are at most ``radius`` rows and columns apart, (n, n)."""
    row, column = (torch.arange(side, device=device) for side in size)
    rows = (row[:, None] - row).abs() <= radius
    columns = (column[:, None] - column).abs() <= radius
    return (rows[:, None, :, None] & columns[None, :, None]).flatten(2).flatten(0, 1)
