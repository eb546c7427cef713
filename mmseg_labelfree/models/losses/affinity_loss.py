"""Loss of the affinity of a transformer's tokens."""

from mmseg.registry import MODELS
from torch import Tensor

from ...ops.token_affinity import affinity_loss
from .base import BaseLoss


@MODELS.register_module()
class AffinityLoss(BaseLoss):
    """Loss that asks tokens of one class to be alike (AFA).

    See :func:`~mmseg_labelfree.ops.affinity_loss`.

    Args:
        **kwargs: As for :class:`BaseLoss`.

    Raises:
        ValueError: An argument is out of range; in the forward pass, shapes differ.

    Example:
        ``affinity_loss=dict(type='AffinityLoss', loss_weight=0.1)``

        >>> import torch
        >>> AffinityLoss()(torch.full((1, 2, 2), 0.5), torch.ones(1, 2, 2))
        tensor(0.2000)
    """

    loss_name = 'loss_affinity'

    def forward(self, affinity: Tensor, targets: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            affinity: ``(N, n, n)``, 0 to 1; half precision is computed in float32.
            targets: ``(N, n, n)``, 1 = one class, 0 = two, 255 = ignored.

        Returns:
            A scalar.
        """
        return self.loss_weight * affinity_loss(affinity, targets)
