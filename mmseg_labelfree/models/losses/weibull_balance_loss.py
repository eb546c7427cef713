"""Regularizer that keeps clusters from running empty."""

from typing import Any

from mmseg.registry import MODELS
from torch import Tensor

from ...ops.checks import Variant, check_variant
from ...ops.cluster_frequencies import cluster_frequencies
from ...ops.weibull_balance import weibull_balance
from .base import BaseLoss


@MODELS.register_module()
class WeibullBalanceLoss(BaseLoss):
    r"""Weibull's density at the cluster frequencies of a batch (IDDC, eq. 7).

    It punishes empty clusters and hardly anything else, so that clusters may be of very
    different sizes; see :func:`~mmseg_labelfree.ops.weibull_balance`. The frequencies
    are means over the batch of all processes.

    The paper sums over the clusters. The authors' code divides the frequencies by the
    largest one and takes the mean over the clusters (``variant='official'``), with
    ``lambda_=5.0`` and ``loss_weight`` :math:`\lambda_2 / 50`: the published weights
    0.4 / 50 and 0.25 / 50 belong to these.

    Args:
        k: Shape, above 0 and below 1. Defaults to 0.3.
        lambda_: Scale, above 0. Defaults to 1.0, as in eq. 7.
        variant: 'paper' or 'official'. Defaults to 'paper'.
        **kwargs: As for :class:`BaseLoss`.

    Raises:
        ValueError: An argument is out of range.

    Example:
        ``balance_loss=dict(type='WeibullBalanceLoss', variant='official',
        lambda_=5.0, loss_weight=0.4 / 50)``

        >>> import torch
        >>> WeibullBalanceLoss()(torch.tensor([[0.2, 0.8], [0.8, 0.2]]))
        tensor(0.4326)
    """

    loss_name = 'loss_weibull'

    def __init__(
        self,
        k: float = 0.3,
        lambda_: float = 1.0,
        variant: Variant = 'paper',
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_variant(variant)
        if not 0 < k < 1 or lambda_ <= 0:
            raise ValueError(
                'k must be above 0 and below 1 and lambda_ above 0, got '
                f'{k} and {lambda_}'
            )
        self.k = k
        self.lambda_ = lambda_
        self.variant: Variant = variant

    def forward(self, probabilities: Tensor) -> Tensor:
        """Loss of the probabilities ``(N, K, ...)`` of this process's batch."""
        frequencies = cluster_frequencies(probabilities)
        loss = weibull_balance(frequencies, self.k, self.lambda_, self.variant)
        return self.loss_weight * loss
