"""Regularisers that keep clusters from running empty."""

from typing import Literal

from mmseg.registry import MODELS
from torch import Tensor, nn

from ...ops.weibull_balance import (
    cluster_frequencies,
    entropy_balance,
    weibull_balance,
)


@MODELS.register_module()
class WeibullBalanceLoss(nn.Module):
    r"""Weibull's density at the cluster frequencies, IDDC eq. 7.

    It punishes empty clusters and hardly anything else, so that clusters may be of very
    different sizes. The frequencies are means over the batch of all processes.

    The paper sums over the clusters; the code divides the frequencies by the largest
    one, takes the mean over the clusters with :math:`\lambda` = 5, and weighs it
    by :math:`\lambda_2` / 50 (``variant='official'``, which the published weights
    0.4 / 50 and 0.25 / 50 belong to).

    Args:
        k: Shape, above 0 and below 1.
        lambda_: Scale. None: 1 for 'paper', as in eq. 7, and 5 for 'official'.
        variant: 'paper' or 'official'.
        loss_weight: :math:`\lambda_2`.
        loss_name: Name in the log, must start with ``loss_``.

    Raises:
        ValueError: An argument is out of range.

    Example:
        ``balance_loss=dict(type='WeibullBalanceLoss', variant='official',
        loss_weight=0.4 / 50)``
    """

    def __init__(
        self,
        k: float = 0.3,
        lambda_: float | None = None,
        variant: Literal['paper', 'official'] = 'paper',
        loss_weight: float = 1.0,
        loss_name: str = 'loss_weibull',
    ) -> None:
        super().__init__()
        if variant not in ('paper', 'official'):
            raise ValueError(f"variant must be 'paper' or 'official', not {variant!r}")
        if lambda_ is None:
            lambda_ = 1.0 if variant == 'paper' else 5.0
        if not 0 < k < 1 or lambda_ <= 0:
            raise ValueError(
                'k must be above 0 and below 1 and lambda_ above 0, not '
                f'{k} and {lambda_}'
            )
        self.k = k
        self.lambda_ = lambda_
        self.variant = variant
        self.loss_weight, self.loss_name = _checked(loss_weight, loss_name)

    def forward(self, probabilities: Tensor) -> Tensor:
        """Loss of the probabilities ``(N, K, ...)`` of this process's batch."""
        frequencies = cluster_frequencies(probabilities)
        loss = weibull_balance(frequencies, self.k, self.lambda_, self.variant)
        return self.loss_weight * loss

    def extra_repr(self) -> str:
        """Settings shown when the model is printed."""
        return (
            f'k={self.k}, lambda_={self.lambda_}, variant={self.variant!r}, '
            f'loss_weight={self.loss_weight}'
        )


@MODELS.register_module()
class EntropyBalanceLoss(nn.Module):
    r"""Negative entropy of the cluster frequencies, IDDC eq. 6, for comparison.

    Least for clusters of one size. The frequencies are means over the batch of all
    processes.

    Args:
        loss_weight: :math:`\lambda_2`.
        loss_name: Name in the log, must start with ``loss_``.

    Raises:
        ValueError: An argument is out of range.

    Example:
        ``balance_loss=dict(type='EntropyBalanceLoss', loss_weight=0.5)``
    """

    def __init__(
        self, loss_weight: float = 1.0, loss_name: str = 'loss_entropy'
    ) -> None:
        super().__init__()
        self.loss_weight, self.loss_name = _checked(loss_weight, loss_name)

    def forward(self, probabilities: Tensor) -> Tensor:
        """Loss of the probabilities ``(N, K, ...)`` of this process's batch."""
        return self.loss_weight * entropy_balance(cluster_frequencies(probabilities))

    def extra_repr(self) -> str:
        """Settings shown when the model is printed."""
        return f'loss_weight={self.loss_weight}'


def _checked(loss_weight: float, loss_name: str) -> tuple[float, str]:
    if loss_weight < 0:
        raise ValueError(f'loss_weight must be at least 0, not {loss_weight}')
    if not loss_name.startswith('loss_'):
        raise ValueError(f"loss_name must start with 'loss_', not {loss_name!r}")
    return loss_weight, loss_name
