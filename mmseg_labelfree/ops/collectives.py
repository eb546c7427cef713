"""Sums and rows of all processes; with one process, the values themselves."""

import torch
import torch.distributed as dist
from torch import Tensor

__all__ = [
    'mean_over_processes',
    'num_processes',
    'rows_of_all_processes',
    'sum_over_processes',
]


def num_processes() -> int:
    """Number of processes of the default group, 1 without one."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_world_size()
    return 1


def sum_over_processes(values: Tensor) -> Tensor:
    """Add up ``values`` of all processes, in place. Every process must call it."""
    if num_processes() > 1:
        dist.all_reduce(values)
    return values


def mean_over_processes(values: Tensor) -> Tensor:
    """Mean of ``values`` over all processes. Every process must call it.

    The derivative by this process's values is that of the identity: what DDP averages
    over the processes is then the derivative of the mean.
    """
    processes = num_processes()
    if processes == 1:
        return values
    mean = sum_over_processes(values.detach().clone()) / processes
    return values + (mean - values.detach())


def rows_of_all_processes(*values: Tensor) -> tuple[Tensor, ...]:
    """Put the rows of all processes below each other, in the order of their ranks.

    Every process must call it, with rows or without. It waits for the device once,
    to learn the numbers of rows.

    Args:
        *values: Each ``(K, ...)``, with a common K that may differ from process to
            process; the further sizes and the dtype may not.

    Returns:
        A tensor ``(sum of all K, ...)`` for each of ``values``, without gradient.
    """
    processes = num_processes()
    if processes == 1:
        return values
    size = torch.tensor([len(values[0])], device=values[0].device)
    sizes = [torch.empty_like(size) for _ in range(processes)]
    dist.all_gather(sizes, size)
    lengths = torch.cat(sizes).tolist()
    gathered = []
    for rows in values:
        # Collectives want equal shapes.
        padded = rows.new_zeros((max(lengths), *rows.shape[1:]))
        padded[: len(rows)] = rows.detach()
        parts = [torch.empty_like(padded) for _ in range(processes)]
        dist.all_gather(parts, padded)
        kept = zip(parts, lengths, strict=True)
        gathered.append(torch.cat([part[:length] for part, length in kept]))
    return tuple(gathered)
