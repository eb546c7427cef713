"""Sum over all pairs of pixels of a weight and a loss, in blocks of pairs."""

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ['Function', 'pair_sum']

# Bytes of one matrix of pairs; a few of them are in memory at a time.
CPU_BLOCK, GPU_BLOCK = 2**20, 2**27
_LEAST = 1e-6  # least argument of the logarithm

Function = Literal['exp', 'linear', 'log']


def pair_sum(
    first: Tensor,
    second: Tensor,
    first_embeddings: Tensor,
    second_embeddings: Tensor,
    threshold: float,
    positive: bool,
    function: Function = 'exp',
    weighted: bool = True,
    at_most_one: bool = False,
    rotation: int = 0,
) -> tuple[Tensor, Tensor]:
    r"""Sum :math:`w(u_i \cdot u_j) h(v_i \cdot v_j)` over pairs of pixels.

    The functions h (IDDC, eq. 3-5), with p = v_i . v_j, the probability that both
    pixels are in one cluster: 'log' is -log p for positive and -log(1 - p) for
    negative pairs, 'linear' 1 - p and p, 'exp' exp(1 - p) and exp(p). The argument of
    the logarithm is at least 1e-6; beyond that there is no gradient.

    The derivatives are computed along with the sum, block by block of pairs, so that
    memory grows with the number of pixels and not with its square. Second derivatives
    are not available. Everything is float32, also under autocast, or float64.

    Args:
        first: Probabilities ``(N, K, ...)``.
        second: ``(N, K, ...)``; its number of pixels may differ.
        first_embeddings: Unit vectors ``(N, D, ...)``.
        second_embeddings: ``(N, D, ...)``.
        threshold: Positive pairs have an affinity above, negative ones below it.
        positive: Whether the pairs are positive.
        function: 'exp', 'linear' or 'log'.
        weighted: Weigh by w instead of by 1.
        at_most_one: Use at most 1 for w of negative pairs (the authors' code).
        rotation: Image n of ``first`` goes with image n + rotation of ``second``.

    Returns:
        The sum, and the number of selected pairs (no gradient), both scalars.

    Raises:
        ValueError: ``function`` is unknown.

    Example:
        >>> v, u = torch.tensor([[[0.5], [0.5]]]), torch.ones(1, 1, 1)
        >>> pair_sum(v, v, u, u, threshold=0.2, positive=True, function='linear')
        (tensor(0.5000), tensor(1))
    """
    if function not in ('exp', 'linear', 'log'):
        raise ValueError(f"function must be 'exp', 'linear' or 'log', not {function!r}")
    dtype = torch.float64 if first.dtype == torch.float64 else torch.float32
    tensors = [
        t.flatten(2).to(dtype)
        for t in (first, second, first_embeddings.detach(), second_embeddings.detach())
    ]
    rule = _Rule(threshold, positive, function, weighted, at_most_one)
    return _PairSum.apply(*tensors, rule, rotation)


class _Rule:
    """Weight and loss of pairs, and the derivative of their product."""

    def __init__(self, threshold, positive, function, weighted, at_most_one):
        self.threshold = threshold
        self.positive = positive
        self.function = function
        self.weighted = weighted
        self.at_most_one = at_most_one

    def weigh(self, affinity: Tensor) -> tuple[Tensor, Tensor]:
        """Weights, in the place of ``affinity``, and the number of pairs."""
        if self.positive:
            selected = affinity > self.threshold
        else:
            selected = affinity < self.threshold
        count = torch.count_nonzero(selected)
        if not self.weighted:
            return affinity.copy_(selected), count
        if not self.positive:
            if self.at_most_one:
                affinity.clamp_(min=0)
            affinity.neg_().add_(1)
        return affinity.mul_(selected), count

    def lose(self, same: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Weighted sum of h and its derivative by p, in the place of ``weight``.

        Args:
            same: p of each pair; is overwritten.
            weight: As :meth:`weigh` returns it.
        """
        right = same if self.positive else same.neg_().add_(1)
        if self.function == 'exp':
            slope = weight.mul_(right.neg_().add_(1).exp_())
            total = slope.sum()
        elif self.function == 'linear':
            total = torch.dot(weight.flatten(), right.neg_().add_(1).flatten())
            slope = weight
        else:
            inside = right >= _LEAST
            right.clamp_(min=_LEAST)
            slope = weight / right * inside
            total = -torch.dot(weight.flatten(), right.log_().flatten())
        return total, slope.neg_() if self.positive else slope


class _PairSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, first, second, first_units, second_units, rule, rotation):
        total = first.new_zeros(())
        count = first.new_zeros((), dtype=torch.int64)
        grads = torch.zeros_like(first), torch.zeros_like(second)
        with torch.autocast(first.device.type, enabled=False):
            for images, pixels in _blocks(first, second):
                others = (images + rotation) % len(first)
                v, u = _part(first, images, pixels), _part(first_units, images, pixels)
                v_other, u_other = _part(second, others), _part(second_units, others)
                weight, number = rule.weigh(torch.bmm(u.mT, u_other))
                value, slope = rule.lose(torch.bmm(v.mT, v_other), weight)
                total += value
                count += number
                grads[0][_range(images), :, pixels] = torch.bmm(v_other, slope.mT)
                if len(images) == 1:
                    grads[1][_range(others)].baddbmm_(v, slope)
                else:
                    others = others.to(first.device)
                    grads[1].index_add_(0, others, torch.bmm(v, slope))
        ctx.save_for_backward(*grads)
        ctx.mark_non_differentiable(count)
        return total, count

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_total, _):
        first, second = ctx.saved_tensors
        return grad_total * first, grad_total * second, None, None, None, None


def _blocks(first: Tensor, second: Tensor) -> Iterator[tuple[Tensor, slice]]:
    """Images (indices in a row) and pixels of ``first`` of each block of pairs."""
    size = CPU_BLOCK if first.device.type == 'cpu' else GPU_BLOCK
    size //= first.element_size()
    num, pixels, others = len(first), first.shape[2], second.shape[2]
    images = max(1, size // (pixels * others))
    step = pixels if pixels * others <= size else max(1, size // others)
    for indices in torch.arange(num).split(images):
        for start in range(0, pixels, step):
            yield indices, slice(start, min(start + step, pixels))


def _range(images: Tensor) -> slice:
    return slice(int(images[0]), int(images[-1]) + 1)


def _part(values: Tensor, images: Tensor, pixels: slice = slice(None)) -> Tensor:
    """These pixels of these images; a copy only where the images wrap around."""
    if images[-1] - images[0] == len(images) - 1:
        return values[_range(images), :, pixels]
    return values[images.to(values.device), :, pixels]
