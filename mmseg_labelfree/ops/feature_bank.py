"""Class-wise first-in-first-out queues in one tensor that never grows.

The queue of class c is the part ``offset[c] .. offset[c] + capacity[c] - 1`` of the
rows of one storage ``(R, D)``; ``pointer[c]`` is the place of its next row, and its
first ``filled[c]`` places hold rows. Everything is on one device.
"""

import torch
from torch import Tensor

__all__ = ['finite_rows', 'newest_rows', 'push_rows_', 'sample_queues']

# Bytes of one copied block: small enough for the CPU's caches.
CPU_BLOCK, GPU_BLOCK = 2**21, 2**29


def finite_rows(features: Tensor) -> Tensor:
    """Mark the rows without a NaN or an infinite value.

    Args:
        features: Floating point ``(..., D)``.

    Returns:
        Bool ``(...)``.

    Example:
        >>> finite_rows(torch.tensor([[1.0, 2.0], [torch.nan, 0.0]]))
        tensor([ True, False])
    """
    dtype = torch.promote_types(features.dtype, torch.float32)
    return features.sum(-1, dtype=dtype).isfinite()


def newest_rows(member: Tensor, limit: Tensor) -> Tensor:
    """Keep each class's last ``limit`` rows.

    Args:
        member: Bool ``(K, C)``, which row goes to which queues.
        limit: ``(C,)``, at least 0.

    Returns:
        Bool ``(K, C)``.

    Example:
        >>> member = torch.tensor([[True, True], [True, False], [True, True]])
        >>> newest_rows(member, torch.tensor([1, 2])).tolist()
        [[False, True], [False, False], [True, True]]
    """
    count = member.cumsum(0, dtype=torch.int32)
    return member & (count[-1:] - count < limit)


@torch.no_grad()
def push_rows_(
    storage: Tensor,
    offset: Tensor,
    capacity: Tensor,
    pointer: Tensor,
    filled: Tensor,
    features: Tensor,
    member: Tensor,
) -> None:
    """Append rows to the queues of all classes at once, in place.

    Rows enter in their order and push out the oldest. They are stored as unit
    vectors. Rows that would be pushed out by later ones of the same call are
    not written.

    It waits for the device once, to learn how many rows there are. Without that every
    place of the storage would have to be rewritten in each call, which moves
    several times what a batch brings; with several processes they have to tell
    each other their numbers of rows in any case.

    Args:
        storage: ``(R, D)``.
        offset: int64 ``(C,)``.
        capacity: int64 ``(C,)``, at least 1.
        pointer: int64 ``(C,)``, updated.
        filled: int64 ``(C,)``, updated.
        features: Floating point ``(K, D)``; K may be 0.
        member: Bool ``(K, C)``, which row goes to which queues.

    Example:
        Two queues of two rows; three rows enter the first, one the second:

        >>> storage, pointer = torch.zeros(4, 1), torch.tensor([0, 0])
        >>> offset, capacity = torch.tensor([0, 2]), torch.tensor([2, 2])
        >>> filled, rows = torch.tensor([0, 0]), torch.tensor([[1.0], [2.0], [-3.0]])
        >>> member = torch.tensor([[True, False], [True, True], [True, False]])
        >>> push_rows_(storage, offset, capacity, pointer, filled, rows, member)
        >>> storage.flatten().tolist(), filled.tolist()
        ([-1.0, 1.0, 1.0, 0.0], [2, 1])
    """
    if not len(features):
        return
    count = member.cumsum(0)
    total = count[-1]
    kept = member & (total - count < capacity)
    row, cls = kept.nonzero(as_tuple=True)
    slot = (pointer + count - 1).remainder_(capacity).add_(offset)[row, cls]
    pointer.add_(total).remainder_(capacity)
    torch.minimum(filled + total, capacity, out=filled)
    # A row may enter many queues: its length is computed once.
    dtype = torch.promote_types(features.dtype, torch.float32)
    length = torch.linalg.vector_norm(features, dim=1, dtype=dtype).float()
    scale = length.clamp_(min=1e-12).reciprocal_()[:, None]
    step = rows_per_block(features.device, features.shape[1])
    for rows, slots in zip(row.split(step), slot.split(step), strict=True):
        block = features.index_select(0, rows).float().mul_(scale[rows])
        storage.index_copy_(0, slots, block.to(storage.dtype))


def sample_queues(
    classes: Tensor,
    offset: Tensor,
    filled: Tensor,
    num: int,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw rows from queues, uniformly and with replacement.

    Args:
        classes: int64 ``(Q,)``, whose queue to draw from.
        offset: int64 ``(C,)``.
        filled: int64 ``(C,)``.
        num: Rows of each.
        generator: Generator on their device; default the global one.

    Returns:
        int64 ``(Q, num)``, rows of the storage. An empty queue gives its first place.

    Example:
        >>> offset, filled = torch.tensor([0, 2]), torch.tensor([2, 1])
        >>> sample_queues(torch.tensor([1]), offset, filled, num=3)
        tensor([[2, 2, 2]])
    """
    draw = torch.randint(
        2**62, (len(classes), num), device=classes.device, generator=generator
    )
    draw %= filled[classes].clamp(min=1)[:, None]
    return draw.add_(offset[classes][:, None])


def rows_per_block(device: torch.device, channels: int) -> int:
    """Rows of ``channels`` float32 values to work on at a time; at least one."""
    size = CPU_BLOCK if device.type == 'cpu' else GPU_BLOCK
    return max(1, size // (4 * channels))
