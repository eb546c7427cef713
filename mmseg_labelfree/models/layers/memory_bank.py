"""Queues of negatives and prototypes of the classes, for contrastive learning."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...ops.collectives import num_processes, rows_of_all_processes
from ...ops.feature_bank import finite_rows, newest_rows, push_rows_, sample_queues
from ...ops.prototypes import class_means, update_prototypes_

__all__ = ['PrototypeMemoryBank']


@MODELS.register_module()
class PrototypeMemoryBank(nn.Module):
    r"""Memory bank of negatives by class, and momentum prototypes, of U2PL+.

    Sections 3.4 and 3.5.1 of https://arxiv.org/abs/2306.02314. For each class it keeps
    a first-in-first-out queue of embeddings of pixels that are negatives of the
    class, and the moving center of the pixels that belong to it. Both are those of all
    processes together, and equal on all of them.

    All queues are parts of one tensor, whose size is fixed at construction: 21
    classes at the default lengths and 256 channels take 666 MB in float32, half of
    it in float16. It lives where the model lives. Nothing is in ``state_dict``:
    :class:`~mmseg_labelfree.engine.hooks.PrototypeMemoryBankHook` saves and restores
    the contents. Name the bank in a mean-teacher segmentor's ``not_in_teacher``, so
    that the teacher does not copy it.

    Args:
        num_classes: C.
        channels: D, channels of the embeddings.
        length: Rows of a queue.
        background_length: Rows of the queue of class 0; None for ``length``.
        momentum: :math:`m^{proto}`, share of the old prototype (U2PL+, eq. 18), 0 to 1.
            0 makes the prototypes the centers of the last batch that has the class,
            as in U2PL.
        keep: Keep the negatives of earlier batches. False empties the queues before
            each push, so that they hold one batch (Table 4, without :math:`Q_c`).
        dtype: Precision of the queues, 'float32', 'bfloat16' or 'float16'. Prototypes
            are always float32.

    Attributes:
        queues: ``(R, D)``, unit vectors; queue c starts at ``offset[c]``.
        filled: int64 ``(C,)``, rows in each queue.
        prototypes: float32 ``(C, D)``, means of embeddings as they are (not unit
            vectors).
        known: Bool ``(C,)``, which classes have a prototype.

    Raises:
        ValueError: An argument is out of range.

    Example:
        ``memory_bank=dict(type='PrototypeMemoryBank', num_classes=21)``
    """

    needed_hook = 'PrototypeMemoryBankHook'

    queues: Tensor
    capacity: Tensor
    offset: Tensor
    pointer: Tensor
    filled: Tensor
    prototypes: Tensor
    known: Tensor

    def __init__(
        self,
        num_classes: int,
        channels: int = 256,
        length: int = 30000,
        background_length: int | None = 50000,
        momentum: float = 0.999,
        keep: bool = True,
        dtype: str = 'float32',
    ) -> None:
        super().__init__()
        if background_length is None:
            background_length = length
        sizes = dict(
            num_classes=num_classes,
            channels=channels,
            length=length,
            background_length=background_length,
        )
        for name, size in sizes.items():
            if size < 1:
                raise ValueError(f'{name} must be at least 1, got {size}')
        if not 0 <= momentum <= 1:
            raise ValueError(f'momentum must be in 0 to 1, got {momentum}')
        if dtype not in ('float32', 'bfloat16', 'float16'):
            raise ValueError(
                f"dtype must be 'float32', 'bfloat16' or 'float16', got {dtype!r}"
            )
        self.num_classes = num_classes
        self.channels = channels
        self.momentum = momentum
        self.keep = keep
        capacity = torch.full((num_classes,), length)
        capacity[0] = background_length
        rows = int(capacity.sum())
        zero = torch.zeros_like(capacity)
        for name, value in (
            ('queues', torch.zeros(rows, channels, dtype=getattr(torch, dtype))),
            ('capacity', capacity),
            ('offset', capacity.cumsum(0) - capacity),
            ('pointer', zero),
            ('filled', zero.clone()),
            ('prototypes', torch.zeros(num_classes, channels)),
            ('known', torch.zeros(num_classes, dtype=torch.bool)),
        ):
            self.register_buffer(name, value, persistent=False)

    @torch.no_grad()
    def push(self, features: Tensor, classes: Tensor) -> None:
        """Append embeddings to the queues, dropping the oldest (U2PL+, algorithm 1).

        Every process must call it, with rows or without: the rows of all processes
        enter all banks, in the order of the ranks. For this a queue of L rows takes at
        most the last L / W rows of each of W processes.
        Rows that are not finite enter none.

        Args:
            features: Rows ``(K, D)``, any precision.
            classes: int64 ``(K,)``, the queue of each row, values that are no class
                for none; or bool ``(K, C)``, whether a row enters each queue.

        Raises:
            ValueError: The shapes do not fit the bank.
        """
        if classes.dim() == 1:
            every = torch.arange(self.num_classes, device=classes.device)
            classes = classes[:, None] == every
        if features.shape != (len(classes), self.channels):
            raise ValueError(
                f'the bank takes rows ({len(classes)}, {self.channels}), one for each '
                f'row of classes, got features {tuple(features.shape)}'
            )
        if classes.shape[1] != self.num_classes:
            raise ValueError(
                f'the bank has {self.num_classes} classes, got {classes.shape[1]}'
            )
        classes = classes & finite_rows(features)[:, None]
        processes = num_processes()
        if processes > 1:
            if len(classes):
                limit = (self.capacity + processes - 1) // processes
                classes = newest_rows(classes, limit)
            rows = classes.any(1).nonzero()[:, 0]
            features, classes = rows_of_all_processes(features[rows], classes[rows])
        if not self.keep:
            self.pointer.zero_()
            self.filled.zero_()
        push_rows_(
            self.queues,
            self.offset,
            self.capacity,
            self.pointer,
            self.filled,
            features,
            classes,
        )

    def push_map(self, features: Tensor, member: Tensor) -> None:
        """Append the pixels of feature maps; see :meth:`push`.

        Args:
            features: ``(N, D, h, w)``.
            member: Bool ``(N, C, h, w)``, whether a pixel enters each queue.
        """
        self.push(_rows(features.detach()), _rows(member))

    def update_prototypes(
        self, features: Tensor, labels: Tensor, all_processes: bool = True
    ) -> None:
        """Move the prototypes to the means of this batch (U2PL+, eq. 15-18).

        Every process must call it. Pixels whose embedding is not finite do not count.

        Args:
            features: Embeddings of the teacher ``(N, D, h, w)``, any precision.
            labels: int64 ``(N, h, w)``: ground truth and reliable pseudo-labels, 255
                for all other pixels; or bool ``(N, C, h, w)``.
            all_processes: Means over the batches of all processes, instead of this
                one's alone (U2PL's code), after which those of the processes differ.
        """
        means, counts = class_means(features, labels, self.num_classes, all_processes)
        update_prototypes_(self.prototypes, self.known, means, counts, self.momentum)

    def sample(
        self, classes: Tensor, num: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw ``num`` rows of ``queues`` from the queue of each of ``classes (Q,)``.

        Returns:
            int64 ``(Q, num)``. Where the queue is empty, so that ``filled`` is 0, its
            first place, which holds zeros.
        """
        return sample_queues(classes, self.offset, self.filled, num, generator)

    def unit_prototypes(self) -> Tensor:
        """Return the prototypes ``(C, D)`` at length 1; zeros where unknown."""
        return F.normalize(self.prototypes, dim=1)

    def contents(self) -> dict[str, Tensor]:
        """Copy the prototypes and the filled part of the queues to the CPU."""
        kept = dict(queues=self.queues[self._filled_rows()])
        for name in ('capacity', 'pointer', 'filled', 'prototypes', 'known'):
            kept[name] = getattr(self, name)
        return {name: value.cpu().clone() for name, value in kept.items()}

    def restore(self, contents: dict[str, Any]) -> None:
        """Restore what :meth:`contents` returned.

        Raises:
            ValueError: They are of a bank with other classes, channels or lengths.
        """
        capacity, prototypes = contents['capacity'], contents['prototypes']
        if not torch.equal(capacity, self.capacity.cpu()) or prototypes.shape != tuple(
            self.prototypes.shape
        ):
            raise ValueError(
                'the saved memory bank has queues of '
                f'{_lengths(capacity)} rows and {prototypes.shape[1]} channels, the '
                f"config's has {_lengths(self.capacity)} and {self.channels}; use "
                'the settings of the run that wrote the checkpoint'
            )
        for name in ('pointer', 'filled', 'prototypes', 'known'):
            getattr(self, name).copy_(contents[name])
        self.queues.zero_()
        self.queues[self._filled_rows()] = contents['queues'].to(self.queues)

    def extra_repr(self) -> str:
        """Format the settings, for ``print(model)``."""
        return (
            f'num_classes={self.num_classes}, channels={self.channels}, '
            f'rows={len(self.queues)}, momentum={self.momentum}'
        )

    def _filled_rows(self) -> Tensor:
        rows = torch.arange(len(self.queues), device=self.queues.device)
        cls = torch.searchsorted(self.offset, rows, right=True) - 1
        return rows - self.offset[cls] < self.filled[cls]


def _rows(maps: Tensor) -> Tensor:
    """``(N, X, h, w)`` as ``(N * h * w, X)``; a view if channels-last."""
    rows = maps.permute(0, 2, 3, 1).flatten(1, 2)
    if not rows.is_contiguous():
        # Image by image, because torch transposes matrices faster than batches.
        rows = rows.new_empty(rows.shape)
        for target, image in zip(rows, maps, strict=True):
            target.copy_(image.flatten(1).t())
    return rows.flatten(0, 1)


def _lengths(capacity: Sequence[int] | Tensor) -> list[int]:
    return [int(value) for value in capacity]
