"""Loss that transfers affinities of pixel embeddings to cluster probabilities."""

from collections.abc import Sequence

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...ops.checks import Variant, check_variant
from ...ops.pair_sums import Function
from ...ops.pairwise_affinity import (
    check_rotations,
    draw_rotations,
    negative_pair_loss,
    positive_pair_loss,
    unit_embeddings,
)
from ...utils.choices import check_choice


@MODELS.register_module()
class PairwiseAffinityLoss(nn.Module):
    r"""Loss of positive and negative pairs of pixels (IDDC, eq. 1-5).

    Liu, Zhang and Tang, "Imbalance-Aware Discriminative Clustering for Unsupervised
    Semantic Segmentation" (IJCV 2024). All pairs of a pixel of the first and a
    pixel of the second crop of an image with an affinity above :math:`t^+` are
    positive; all pairs of a pixel of the first crop and a pixel of the second crop of
    another image with one below :math:`t^-` are negative. The other images are
    the same batch, rotated by a few random numbers of places. See
    :func:`~mmseg_labelfree.ops.positive_pair_loss` and
    :func:`~mmseg_labelfree.ops.negative_pair_loss`.

    ``variant='official'`` is the authors' code: negative pairs are of two first crops,
    their weight is at most 1, each rotation has a mean of its own, and rotations are
    drawn as :func:`~mmseg_labelfree.ops.draw_rotations` says.

    Unlike the other losses it has two terms, whose names are fixed.

    Args:
        positive_threshold: :math:`t^+`, a cosine. Defaults to 0.2.
        negative_threshold: :math:`t^-`, a cosine. Defaults to 0.12.
        function: h, 'exp' (IDDC, eq. 5), 'linear' (IDDC, eq. 4) or 'log' (IDDC,
            eq. 3). Defaults to 'exp'.
        weighted: Weigh the pairs by their affinities. Defaults to True.
        num_negatives: Other images for each image. Defaults to 3.
        negative_weight: :math:`\lambda_1` (IDDC, eq. 8), factor on :math:`L^-`; 0
            leaves it out. Defaults to 1.4.
        centered: Subtract the mean embedding of the batch, over all processes, first.
            The features of supervised networks have a large part in common, so that
            nearly all cosines are positive; those of DINO and iBOT need no centering.
            Defaults to False.
        variant: 'paper' or 'official'. Defaults to 'paper'.

    Raises:
        ValueError: A setting is out of range; in the forward pass, the batch has too
            few images for ``num_negatives``.

    Example:
        ``pairwise_loss=dict(type='PairwiseAffinityLoss', negative_weight=1.4)``

        Two images of one pixel, equal in their two crops:

        >>> loss = PairwiseAffinityLoss(num_negatives=1, function='linear')
        >>> p = torch.tensor([[0.5, 0.5], [0.5, 0.5]]).view(2, 2, 1, 1)
        >>> e = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).view(2, 2, 1, 1)
        >>> loss((p, p), (e, e))
        {'loss_positive': tensor(0.5000), 'loss_negative': tensor(0.7000)}
    """

    def __init__(
        self,
        positive_threshold: float = 0.2,
        negative_threshold: float = 0.12,
        function: Function = 'exp',
        weighted: bool = True,
        num_negatives: int = 3,
        negative_weight: float = 1.4,
        centered: bool = False,
        variant: Variant = 'paper',
    ) -> None:
        super().__init__()
        check_choice('function', function, ('exp', 'linear', 'log'))
        check_variant(variant)
        for name, cosine in (
            ('positive_threshold', positive_threshold),
            ('negative_threshold', negative_threshold),
        ):
            if not -1 <= cosine <= 1:
                raise ValueError(f'{name}={cosine} is no cosine, -1 to 1')
        if num_negatives < 1 or negative_weight < 0:
            raise ValueError(
                'num_negatives must be 1 or more and negative_weight at least 0, got '
                f'{num_negatives} and {negative_weight}; negative_weight=0 leaves the '
                'negatives out'
            )
        self.positive_threshold = positive_threshold
        self.negative_threshold = negative_threshold
        self.function: Function = function
        self.weighted = weighted
        self.num_negatives = num_negatives
        self.negative_weight = negative_weight
        self.centered = centered
        self.variant: Variant = variant

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
        official = self.variant == 'official'
        first, second = probabilities
        first_units, second_units = self.unit_embeddings(embeddings)
        positive = positive_pair_loss(
            first,
            second,
            first_units,
            second_units,
            self.positive_threshold,
            self.function,
            self.weighted,
        )
        losses = dict(loss_positive=positive)
        if self.negative_weight:
            negative = negative_pair_loss(
                first,
                first if official else second,
                first_units,
                first_units if official else second_units,
                draw_rotations(len(first), self.num_negatives, generator, self.variant),
                self.negative_threshold,
                self.function,
                self.weighted,
                self.variant,
            )
            losses['loss_negative'] = self.negative_weight * negative
        return losses

    def check_batch(self, num_images: int) -> None:
        """Raise a ValueError if a batch has too few images for the negatives."""
        if self.negative_weight:
            check_rotations(num_images, self.num_negatives, self.variant)

    def unit_embeddings(self, embeddings: Sequence[Tensor]) -> list[Tensor]:
        """Directions of the embeddings ``(N, D, ...)``, whose products are affinities.

        With ``centered`` every process must call it, with equally many pixels.
        """
        return unit_embeddings(embeddings, self.centered)

    def extra_repr(self) -> str:
        """Settings shown when the model is printed."""
        return (
            f'function={self.function!r}, weighted={self.weighted}, '
            f'positive_threshold={self.positive_threshold}, '
            f'negative_threshold={self.negative_threshold}, '
            f'negative_weight={self.negative_weight}, variant={self.variant!r}'
        )
