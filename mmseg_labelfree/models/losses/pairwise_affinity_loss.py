"""Transfers the affinities of pixel embeddings to cluster probabilities."""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...ops.collectives import mean_over_processes
from ...ops.pairwise_affinity import (
    draw_rotations,
    negative_pair_loss,
    positive_pair_loss,
)


@MODELS.register_module()
class PairwiseAffinityLoss(nn.Module):
    r"""Positive and negative pairs of IDDC, eq. 1-5 and 8.

    Liu, Zhang and Tang, "Imbalance-Aware Discriminative Clustering for Unsupervised
    Semantic Segmentation" (IJCV 2024). All pairs of a pixel of the first and a
    pixel of the second crop of an image with an affinity above :math:`t^+` are
    positive; all pairs of a pixel of the first crop and a pixel of the second crop of
    another image with one below :math:`t^-` are negative. The other images are
    the same batch, rotated by a few random numbers of places.

    ``variant='official'`` differs in the negative pairs, see
    :func:`~mmseg_labelfree.ops.negative_pair_loss`. Positive pairs are the same.

    Args:
        positive_threshold: :math:`t^+`, a cosine.
        negative_threshold: :math:`t^-`, a cosine.
        function: h, 'exp' (eq. 5), 'linear' (eq. 4) or 'log' (eq. 3).
        weighted: Weigh the pairs by their affinities.
        num_negatives: Other images for each image.
        positive_weight: Factor on :math:`L^+`.
        negative_weight: :math:`\lambda_1`, factor on :math:`L^-`; 0 leaves it out.
        centered: Subtract the mean embedding of the batch, over all processes, first.
            The features of supervised networks have a large part in common, so that
            nearly all cosines are positive; those of DINO and iBOT need no centring.
        variant: 'paper' or 'official'.

    Raises:
        ValueError: A setting is out of range; in the forward pass, the batch has too
            few images for ``num_negatives``.

    Example:
        ``pairwise_loss=dict(type='PairwiseAffinityLoss', negative_weight=1.4)``
    """

    def __init__(
        self,
        positive_threshold: float = 0.2,
        negative_threshold: float = 0.12,
        function: Literal['exp', 'linear', 'log'] = 'exp',
        weighted: bool = True,
        num_negatives: int = 3,
        positive_weight: float = 1.0,
        negative_weight: float = 1.4,
        centered: bool = False,
        variant: Literal['paper', 'official'] = 'paper',
    ) -> None:
        super().__init__()
        if function not in ('exp', 'linear', 'log'):
            raise ValueError(
                f"function must be 'exp', 'linear' or 'log', not {function!r}"
            )
        if variant not in ('paper', 'official'):
            raise ValueError(f"variant must be 'paper' or 'official', not {variant!r}")
        for name, cosine in (
            ('positive_threshold', positive_threshold),
            ('negative_threshold', negative_threshold),
        ):
            if not -1 <= cosine <= 1:
                raise ValueError(f'{name}={cosine} is no cosine, -1 to 1')
        if num_negatives < 1 or positive_weight < 0 or negative_weight < 0:
            raise ValueError(
                'num_negatives must be 1 or more and the weights at least 0, not '
                f'{num_negatives}, {positive_weight} and {negative_weight}; '
                'negative_weight=0 leaves the negatives out'
            )
        self.positive_threshold = positive_threshold
        self.negative_threshold = negative_threshold
        self.function = function
        self.weighted = weighted
        self.num_negatives = num_negatives
        self.positive_weight = positive_weight
        self.negative_weight = negative_weight
        self.centered = centered
        self.variant = variant

    def forward(
        self,
        probabilities: tuple[Tensor, Tensor],
        embeddings: tuple[Tensor, Tensor],
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """Losses of one batch of crop pairs.

        Args:
            probabilities: Of the first and of the second crops, ``(N, K, h, w)`` each.
            embeddings: Of these pixels, ``(N, D, h, w)`` each, of any length; only
                their direction counts, and no gradient goes there.
            generator: Draws the other images; by default torch's global one.

        Returns:
            ``loss_positive`` and, unless its weight is 0, ``loss_negative``.
        """
        units = self.unit_embeddings(embeddings)
        common = dict(function=self.function, weighted=self.weighted)
        positive = positive_pair_loss(
            *probabilities, *units, threshold=self.positive_threshold, **common
        )
        losses = dict(loss_positive=self.positive_weight * positive)
        if self.negative_weight:
            negative = negative_pair_loss(
                *probabilities,
                *units,
                draw_rotations(len(units[0]), self.num_negatives, generator),
                threshold=self.negative_threshold,
                variant=self.variant,
                **common,
            )
            losses['loss_negative'] = self.negative_weight * negative
        return losses

    @torch.no_grad()
    def unit_embeddings(self, embeddings: Sequence[Tensor]) -> list[Tensor]:
        """Directions of the embeddings ``(N, D, ...)``, whose products are affinities.

        With ``centered`` every process must call it, with equally many pixels.
        """
        units = [e.detach().float() for e in embeddings]
        if self.centered:
            # Of equally many pixels each, so the mean of the means.
            means = [u.transpose(0, 1).flatten(1).mean(1) for u in units]
            mean = mean_over_processes(torch.stack(means).mean(0))
            units = [u - mean.view(-1, *[1] * (u.ndim - 2)) for u in units]
        return [F.normalize(u, dim=1) for u in units]

    def extra_repr(self) -> str:
        """Settings shown when the model is printed."""
        return (
            f'function={self.function!r}, weighted={self.weighted}, '
            f'positive_threshold={self.positive_threshold}, '
            f'negative_threshold={self.negative_threshold}, '
            f'negative_weight={self.negative_weight}, variant={self.variant!r}'
        )
