"""Regularizer that makes clusters equally frequent."""

from mmseg.registry import MODELS
from torch import Tensor

from ...ops.cluster_frequencies import cluster_frequencies
from ...ops.entropy_balance import entropy_balance
from .base import BaseLoss


@MODELS.register_module()
class EntropyBalanceLoss(BaseLoss):
    """Negative entropy of the cluster frequencies of a batch (IDDC, eq. 6).

    For comparison with :class:`WeibullBalanceLoss`: least for clusters of one size; see
    :func:`~mmseg_labelfree.ops.entropy_balance`. The frequencies are means over the
    batch of all processes.

    Args:
        **kwargs: As for :class:`BaseLoss`.

    Raises:
        ValueError: An argument is out of range.

    Example:
        ``balance_loss=dict(type='EntropyBalanceLoss', loss_weight=0.5)``

        >>> import torch
        >>> EntropyBalanceLoss()(torch.tensor([[0.2, 0.8], [0.8, 0.2]]))
        tensor(-0.6931)
    """

    loss_name = 'loss_entropy'

    def forward(self, probabilities: Tensor) -> Tensor:
        """Loss of the probabilities ``(N, K, ...)`` of this process's batch."""
        return self.loss_weight * entropy_balance(cluster_frequencies(probabilities))
