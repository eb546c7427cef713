"""InfoNCE against rows of a large bank, without a copy of all drawn negatives."""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .feature_bank import rows_per_block

__all__ = ['info_nce']


def info_nce(
    anchors: Tensor,
    positives: Tensor,
    bank: Tensor,
    negatives: Tensor,
    temperature: float = 0.5,
) -> Tensor:
    r"""Compute the contrastive loss of each anchor (U2PL+, eq. 10).

    .. math::
        -\log \frac{e^{z \cdot z^+ / \tau}}
        {e^{z \cdot z^+ / \tau} + \sum_j e^{z \cdot z_j^- / \tau}}

    U2PL+, https://arxiv.org/abs/2306.02314. The derivative by the anchors is computed
    along with the loss, block by block, so that the negatives (A x K rows) are never in
    memory together and the backward pass multiplies one ``(A, D)`` tensor. Second
    derivatives are not available.

    Args:
        anchors: ``(A, D)``, float32 or float64, the only argument with a gradient.
            Unit vectors make the products cosines.
        positives: ``(A, D)``.
        bank: ``(R, D)``, any precision.
        negatives: int64 ``(A, K)``, rows of the bank.
        temperature: :math:`\tau`, above 0. Defaults to 0.5.

    Returns:
        ``(A,)`` like ``anchors``, in nats.

    Example:
        >>> bank = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> anchors, negatives = bank[:1], torch.tensor([[1]])
        >>> info_nce(anchors, bank[:1], bank, negatives, temperature=1.0)
        tensor([0.3133])
    """
    return _InfoNCE.apply(anchors, positives, bank, negatives, temperature)


class _InfoNCE(torch.autograd.Function):
    @staticmethod
    def forward(ctx, anchors, positives, bank, negatives, temperature):
        num, channels = negatives.shape[1], anchors.shape[1]
        loss, grad = anchors.new_empty(len(anchors)), torch.empty_like(anchors)
        step = rows_per_block(anchors.device, num * channels)
        tensors = (anchors, positives, negatives, loss, grad)
        with torch.autocast(anchors.device.type, enabled=False):
            for start in range(0, len(anchors), step):
                block = (t[start : start + step] for t in tensors)
                anchor, positive, index, value, slope = block
                keys = bank.index_select(0, index.flatten()).to(anchor.dtype)
                keys = keys.view(len(index), num, channels)
                own = (anchor * positive).sum(1, keepdim=True)
                others = torch.bmm(keys, anchor[:, :, None])[:, :, 0]
                log_p = torch.cat([own, others], 1).div_(temperature).log_softmax(1)
                value.copy_(log_p[:, 0]).neg_()
                p = log_p.exp_().div_(temperature)
                slope.copy_(torch.bmm(p[:, None, 1:], keys)[:, 0])
                slope.addcmul_(p[:, :1] - 1 / temperature, positive)
        ctx.save_for_backward(grad)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_loss):
        (grad,) = ctx.saved_tensors
        return grad * grad_loss[:, None], None, None, None, None
