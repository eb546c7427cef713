"""Images in the order of the entropy of their novel pixels."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .entropy import softmax_entropy
from .strips import striped_map

__all__ = ['Ranking', 'foreground_entropy', 'rank_and_split']


@torch.no_grad()
def foreground_entropy(logits: Tensor, foreground: Tensor) -> Tensor:
    r"""Compute the mean normalized entropy of foreground pixels (EUMS, eq. 6-7).

    .. math:: \bar E = \frac{1}{|F|} \sum_{p \in F} \frac{-1}{\log C}
        \sum_c P_{p,c} \log P_{p,c}

    Args:
        logits: Floating point ``(N, C, H, W)``, any precision.
        foreground: Bool ``(N, H, W)``: F, the salient novel pixels.

    Returns:
        ``(N,)``, 0 to 1, float32; NaN for an image without foreground.

    Raises:
        ValueError: There is only one class, or the sizes differ.

    Example:
        >>> logits = torch.tensor([[0.0, 50.0], [0.0, 0.0]]).view(1, 2, 1, 2)
        >>> foreground_entropy(logits, torch.tensor([[[True, True]]]))  # 1, and 0
        tensor([0.5000])
    """
    num_classes = logits.shape[1]
    if num_classes < 2 or logits.shape[2:] != foreground.shape[1:]:
        raise ValueError(
            f'foreground_entropy needs two classes or more and one size, got logits '
            f'{tuple(logits.shape)} and foreground {tuple(foreground.shape)}'
        )
    (entropy,) = striped_map(softmax_entropy, [logits], logits.shape[2:])
    entropy = entropy.flatten(1)
    inside = foreground.flatten(1)
    total = entropy.masked_fill_(~inside, 0).sum(1)
    return total / (inside.sum(1) * math.log(num_classes))


class Ranking(NamedTuple):
    """Images in ascending order of their entropy, split into clean and unclean.

    Attributes:
        order: int64 ``(N,)``, images by rising score, then those without one.
        kept: Bool ``(N,)``, which images are clean.
        threshold: Score of the last clean image, NaN if there is none.
    """

    order: np.ndarray
    kept: np.ndarray
    threshold: float


def rank_and_split(scores: np.ndarray, keep: float) -> Ranking:
    """Rank images by their scores and call those with the lowest clean.

    Clean is the share ``keep``, rounded down, of the images that have a score. An
    image without one (NaN: no novel pixel) is never clean: it has no novel label to
    learn from. Of equal scores the earlier image comes first.

    Args:
        scores: Float ``(N,)``.
        keep: Share of clean images, 0 to 1 (EUMS: lambda).

    Raises:
        ValueError: ``keep`` is out of range.

    Example:
        >>> rank_and_split(np.array([.3, np.nan, .1, .2]), 0.67).kept.tolist()
        [False, False, True, True]
    """
    if not 0 <= keep <= 1:
        raise ValueError(f'keep={keep} is no share between 0 and 1')
    scores = np.asarray(scores, np.float64)
    order = np.argsort(scores, kind='stable')  # NaN come last
    number = math.floor(keep * int(np.isfinite(scores).sum()) + 1e-9)
    kept = np.zeros(len(scores), bool)
    kept[order[:number]] = True
    threshold = float(scores[order[number - 1]]) if number else math.nan
    return Ranking(order, kept, threshold)
