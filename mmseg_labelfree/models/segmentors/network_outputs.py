"""What student and teacher compute for a batch of images."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .mixed_batch import take_rows

__all__ = ['NetworkOutputs', 'in_batch_order', 'join']


@dataclass(frozen=True)
class NetworkOutputs:
    """What a network computed for N images.

    Attributes:
        logits: Of the decode head ``(N, C, h, w)``, before resizing.
        embeddings: ``(N, D, h', w')`` of a network that embeds pixels, too.
        auxiliary: Logits ``(N, C, h, w)`` of each auxiliary head.
        features: The backbone's last ones ``(N, C, h'', w'')``, where they are needed.
    """

    logits: Tensor
    embeddings: Tensor | None = None
    auxiliary: tuple[Tensor, ...] = ()
    features: Tensor | None = None


def in_batch_order(
    passes: Sequence[NetworkOutputs], rows: Sequence[Sequence[int]]
) -> NetworkOutputs:
    """Put the outputs of several passes together.

    Args:
        passes: Outputs of each pass.
        rows: Places in the batch of each pass' images; each place occurs once.
    """
    places = [row for part in rows for row in part]
    order = sorted(range(len(places)), key=places.__getitem__)

    def joined(parts: Sequence[Tensor]) -> Tensor:
        return take_rows(torch.cat(list(parts)), order)

    def joined_if_any(parts: Sequence[Tensor | None]) -> Tensor | None:
        present = [part for part in parts if part is not None]
        return joined(present) if present else None

    return NetworkOutputs(
        joined([p.logits for p in passes]),
        joined_if_any([p.embeddings for p in passes]),
        tuple(map(joined, zip(*(p.auxiliary for p in passes), strict=True))),
        joined_if_any([p.features for p in passes]),
    )


def join(parts: Sequence[Tensor]) -> Tensor:
    """Rows of all parts, one after the other; a part alone is not copied."""
    filled = [part for part in parts if len(part)]
    return filled[0] if len(filled) == 1 else torch.cat(list(parts))
