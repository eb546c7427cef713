"""Contrast of pixels with the distributions of the classes."""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor

from ...ops.distribution_contrast import (
    distribution_contrast,
    mean_feature_regularizer,
)
from ...ops.feature_distance import shrink_labels
from ...ops.probabilities import full_precision
from ...utils.choices import check_range
from ..layers.class_statistics import ClassStatistics
from .base import BaseLoss


@MODELS.register_module()
class DistributionContrastiveLoss(BaseLoss):
    r"""Loss that contrasts pixels with the distributions of the classes: SePiCo.

    DistCL of https://arxiv.org/abs/2204.08808, the mean over pixels of

    .. math::
        \log \sum_c \exp \Big( \frac{z \cdot \mu_c}{T}
        + \frac{z^2 \cdot \Sigma_c}{2 T^2} \Big) - \frac{z \cdot \mu_y}{T}

    (see :func:`~mmseg_labelfree.ops.distribution_contrast`), z being the embedding of
    a pixel at length 1. It needs neither negatives nor draws. Its pixels are those of
    the embeddings, so there is nothing to enlarge, and no strips.

    Args:
        temperature: T, above 0.
        variance: Whether :math:`\Sigma` counts; False for ProtoCL, the contrast with
            the class means.
        regularizer: Factor on
            :func:`~mmseg_labelfree.ops.mean_feature_regularizer`, at least 0 (code: 1).
        min_ratio: Least share of a position's pixels with one label, 0 to 1. A position
            without such a label has none.
        **kwargs: As for :class:`BaseLoss`.

    Raises:
        ValueError: An argument is out of range.

    Example:
        ``contrastive_loss=dict(type='DistributionContrastiveLoss', temperature=100.0)``

        >>> import torch
        >>> statistics = ClassStatistics(num_classes=2, channels=2)
        >>> embeddings, labels = torch.eye(2).view(1, 2, 1, 2), torch.tensor([[[0, 1]]])
        >>> statistics.update(embeddings, labels)
        >>> loss = DistributionContrastiveLoss(temperature=1.0, regularizer=0.0)
        >>> loss(embeddings, labels, statistics)
        tensor(0.3133)
    """

    loss_name = 'loss_contrast'

    def __init__(
        self,
        temperature: float = 100.0,
        variance: bool = True,
        regularizer: float = 1.0,
        min_ratio: float = 0.75,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_range(0, above=True, temperature=temperature)
        check_range(0, regularizer=regularizer)
        check_range(0, 1, min_ratio=min_ratio)
        self.temperature = temperature
        self.variance = variance
        self.regularizer = regularizer
        self.min_ratio = min_ratio

    def shrink(self, labels: Tensor, size: Sequence[int]) -> Tensor:
        """Labels ``(N, h, w)`` of embeddings of ``size``, 255 where none prevails.

        Args:
            labels: int64 ``(N, H, W)``.
            size: h and w.
        """
        return shrink_labels(labels, size, self.min_ratio)

    def forward(
        self, embeddings: Tensor, labels: Tensor, statistics: ClassStatistics
    ) -> Tensor:
        """Compute the loss. Every process must call it.

        Args:
            embeddings: Of the student ``(N, D, h, w)``, of any length and precision.
            labels: int64 ``(N, h, w)``, 255 = none; see :meth:`shrink`.
            statistics: Of the classes.

        Returns:
            A scalar, float32 (float64 for float64).
        """
        unit = F.normalize(full_precision(embeddings), dim=1)
        means = statistics.means
        variances = statistics.variances if self.variance else None
        loss = distribution_contrast(unit, labels, means, variances, self.temperature)
        if self.regularizer:
            uniform = mean_feature_regularizer(unit, labels, means, self.temperature)
            loss = loss + self.regularizer * uniform
        return self.loss_weight * loss
