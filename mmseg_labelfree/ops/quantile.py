"""Exact quantiles of large maps that are spread over several processes."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .collectives import sum_over_processes

__all__ = ['masked_quantile']

_BITS = 16
_BINS = 1 << _BITS


@torch.no_grad()
def masked_quantile(
    values: Tensor,
    shares: Sequence[float],
    mask: Tensor | None = None,
    all_processes: bool = True,
) -> Tensor:
    """Compute quantiles as ``numpy.percentile`` defines them, without sorting.

    The order of float32 numbers is that of their bits, so two histograms, of the upper
    and then of the lower 16 bits, find the numbers of the wanted ranks. This is exact
    for any number of values, takes linear time, and processes exchange only the
    histograms (512 KiB each, a few of them) instead of their maps. Nothing waits for
    the device.

    Args:
        values: Floating point, any shape, without NaN. Compared in float32.
        shares: K shares of the values that lie below, 0 to 1.
        mask: Bool like ``values``, False where a value does not count (padding).
        all_processes: Quantiles over the values of all processes together, which
            must all call this, with values or without. False: of this one's alone.

    Returns:
        float32 ``(K,)``, linearly interpolated between the two nearest values;
        infinity if there is no value.

    Raises:
        ValueError: A share is not in 0 to 1.

    Example:
        >>> masked_quantile(torch.tensor([3., 1., 2., 9.]), [0.5, 1.0])
        tensor([2.5000, 9.0000])
    """
    if not all(0 <= share <= 1 for share in shares):
        raise ValueError(f'shares must be in 0 to 1, got {list(shares)}')

    def histogram(index: Tensor, bins: int) -> Tensor:
        counts = index.new_zeros(bins)
        counts.scatter_add_(0, index, torch.ones_like(index))
        return sum_over_processes(counts) if all_processes else counts

    keys = _to_keys(values.detach().flatten())
    upper = keys >> _BITS
    if mask is not None:
        upper = torch.where(mask.flatten(), upper, _BINS)
    counts = histogram(upper, _BINS + 1)[:_BINS]
    ends = counts.cumsum(0)
    total = ends[-1]
    share = keys.new_zeros(len(shares), dtype=torch.float64)
    for place, value in enumerate(shares):
        share[place] = value  # unlike torch.tensor(shares), no copy from the host
    position = share * (total - 1).clamp(min=0)
    rank = torch.cat([position.floor(), position.ceil()]).long()
    top = torch.searchsorted(ends, rank, right=True).clamp_(max=_BINS - 1)
    rank_inside = rank - (ends - counts)[top]

    # Second histogram, only of the bins that hold a wanted rank.
    num_slots = len(rank)
    slots = torch.full((_BINS + 1,), num_slots, device=keys.device)
    order = torch.arange(num_slots, device=keys.device)
    slots.scatter_reduce_(0, top, order, 'amin')
    index = slots[upper] * _BINS + (keys & (_BINS - 1))
    counts = histogram(index, (num_slots + 1) * _BINS).view(-1, _BINS)
    ends = counts[slots[top]].cumsum(1)
    bottom = torch.searchsorted(ends, rank_inside[:, None], right=True)[:, 0]
    bottom.clamp_(max=_BINS - 1)

    below, above = _from_keys((top << _BITS) | bottom).double().view(2, -1)
    result = below + (above - below) * (position - position.floor())
    return torch.where(total > 0, result, torch.inf).float()


def _to_keys(values: Tensor) -> Tensor:
    """Integers 0 .. 2^32 - 1 in the order of the float32 values."""
    bits = values.float().view(torch.int32)
    return _swap(bits).long() + 2**31


def _from_keys(keys: Tensor) -> Tensor:
    return _swap((keys - 2**31).int()).view(torch.float32)


def _swap(bits: Tensor) -> Tensor:
    """Reverse the order of the negative numbers, whose bits hold their magnitude."""
    return torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
