"""Contrast of pixels with prototypes and with a bank of unreliable pixels."""

import logging
from typing import Literal

import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...ops.contrast_pairs import (
    anchor_classes,
    clamp_ranks,
    negative_classes,
    sample_per_class,
)
from ...ops.info_nce import info_nce
from ..layers.memory_bank import PrototypeMemoryBank

_REASONS = (
    'no class had anchors, pixels whose label is reliable and probable enough',
    'the memory bank held no negatives of the classes with anchors',
    'no class with anchors and negatives had a prototype',
)


@MODELS.register_module()
class MemoryBankContrastiveLoss(nn.Module):
    r"""Pixel-level InfoNCE of U2PL+, eq. 10 (https://arxiv.org/abs/2306.02314).

    .. math::
        -\frac{1}{C M} \sum_c \sum_{i=1}^M \log
        \frac{e^{\langle z_{ci}, z_c^+ \rangle / \tau}}
        {e^{\langle z_{ci}, z_c^+ \rangle / \tau}
        + \sum_{j=1}^N e^{\langle z_{ci}, z_{cij}^- \rangle / \tau}}

    Anchors are M embeddings of the student, drawn with replacement from the pixels of
    the class with a reliable label and a teacher's probability above a threshold (eq.
    21-23). The positive of all of them is the prototype of the class (eq. 24), their
    N negatives are drawn anew for each anchor from the queue of the class. A class
    without anchors, negatives or prototype costs nothing; with no class left
    the loss is 0, attached to the embeddings.

    Everything is at the size of the embeddings, labelled images first. A step calls
    :meth:`push_negatives` before the loss, see there.

    ``variant='official'`` reproduces the authors' code (github.com/
    Haochen-Wang409/U2PL) where it differs, for comparison only:

    - ``loss_weight`` is 1 and the sum is divided by the number of classes in the
      batch. The code then divides the gradient by the number of processes: set
      ``loss_weight`` to 1 / processes for that.
    - With V classes in the batch, class k < V is compared with negatives of the k-th
      class present, and classes from V on are no anchors (open issue #111 there). A
      batch of one class costs nothing.
    - Negatives are those of :func:`~mmseg_labelfree.ops.negative_classes` with the
      same variant (open issue #171).

    Its anchors' and negatives' entropy tails are
    :func:`~mmseg_labelfree.ops.split_by_entropy`'s, and its positives the means
    of the batch: ``PrototypeMemoryBank(momentum=0)``.

    Args:
        num_anchors: M, of each class.
        num_negatives: N, of each anchor.
        temperature: :math:`\tau`, above 0.
        anchor_threshold: :math:`\delta_p`, the least probability of an anchor's label.
        low_rank: :math:`r_l`.
        high_rank: :math:`r_h`; with fewer classes all ranks from ``low_rank`` on are
            used, and ``low_rank`` is lowered so that one is left. A warning says so.
        variant: 'paper' or 'official'.
        avg_present: Divide by the number of classes that have a term instead of C. The
            loss then does not shrink with the number of classes in the batch. None:
            C for 'paper', as in eq. 10; the classes in the batch for 'official'.
        loss_weight: Factor on the loss; None for 0.1 ('paper') or 1 ('official').
        loss_name: Name in the log, must start with ``loss_``.

    Raises:
        ValueError: An argument is out of range.

    Example:
        ``contrastive_loss=dict(type='MemoryBankContrastiveLoss', num_anchors=256,
        num_negatives=50)``
    """

    def __init__(
        self,
        num_anchors: int = 256,
        num_negatives: int = 50,
        temperature: float = 0.5,
        anchor_threshold: float = 0.3,
        low_rank: int = 3,
        high_rank: int = 20,
        variant: Literal['paper', 'official'] = 'paper',
        avg_present: bool | None = None,
        loss_weight: float | None = None,
        loss_name: str = 'loss_contrast',
    ) -> None:
        super().__init__()
        if variant not in ('paper', 'official'):
            raise ValueError(f"variant must be 'paper' or 'official', got {variant!r}")
        if num_anchors < 1 or num_negatives < 1:
            raise ValueError(
                'num_anchors and num_negatives must be at least 1, got '
                f'{num_anchors} and {num_negatives}'
            )
        if not temperature > 0:
            raise ValueError(f'temperature must be above 0, got {temperature}')
        if not loss_name.startswith('loss_'):
            raise ValueError(f"loss_name must start with 'loss_', got {loss_name!r}")
        clamp_ranks(max(2, high_rank), low_rank, high_rank)  # checks them
        self.num_anchors = num_anchors
        self.num_negatives = num_negatives
        self.temperature = temperature
        self.anchor_threshold = anchor_threshold
        self.low_rank = low_rank
        self.high_rank = high_rank
        self.variant = variant
        self.avg_present = avg_present
        if loss_weight is None:
            loss_weight = 0.1 if variant == 'paper' else 1.0
        self.loss_weight = loss_weight
        self._loss_name = loss_name
        self._warned_ranks = False
        self._logged: set[int] = set()
        # How many steps cost nothing for each reason; read at leisure, because
        # reading waits for the device.
        idle = torch.zeros(len(_REASONS), dtype=torch.long)
        self.register_buffer('idle_steps', idle, persistent=False)

    @torch.no_grad()
    def push_negatives(
        self,
        bank: PrototypeMemoryBank,
        teacher_embeddings: Tensor,
        teacher_logits: Tensor,
        labels: Tensor,
        unreliable: Tensor,
        num_labeled: int,
    ) -> None:
        """Find the negatives of this batch and push them into the bank, eq. 25-28.

        Every process must call it. All maps are of the size of the embeddings.

        Args:
            bank: Takes them.
            teacher_embeddings: ``(N, D, h, w)``.
            teacher_logits: ``(N, C, h, w)``.
            labels: int64 ``(N, h, w)``: ground truth of the labelled images, 255 =
                none; pseudo-labels of the others, which only 'official' reads.
            unreliable: Bool ``(N, h, w)``; only the unlabelled images are read.
            num_labeled: Labelled images, which come first.
        """
        low, high = self._ranks(teacher_logits.shape[1])
        member = negative_classes(
            teacher_logits,
            labels,
            unreliable,
            num_labeled,
            low,
            high,
            self.variant,
        )
        bank.push_map(teacher_embeddings, member)

    def forward(
        self,
        embeddings: Tensor,
        teacher_logits: Tensor,
        labels: Tensor,
        reliable: Tensor,
        bank: PrototypeMemoryBank,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Compute the loss of the pixels of this process.

        Args:
            embeddings: Of the student ``(N, D, h, w)``, any precision; computed in
                float32 at the drawn pixels.
            teacher_logits: ``(N, C, h, w)``.
            labels: int64 ``(N, h, w)``: ground truth, and denoised pseudo-labels of the
                unlabelled images; 255 = none.
            reliable: Bool ``(N, h, w)``, where ``labels`` count: True on labelled
                images.
            bank: Of C classes and D channels.
            generator: Of the random draws, on the device of the embeddings; default
                the global one.

        Returns:
            A scalar, float32 (float64 for float64).
        """
        num_classes = teacher_logits.shape[1]
        classes = anchor_classes(
            teacher_logits, labels, reliable, self.anchor_threshold
        )
        pixels, counts = sample_per_class(
            classes.flatten(), num_classes, self.num_anchors, generator
        )
        every = torch.arange(num_classes, device=labels.device)
        anchored, negative_of, divisor = counts > 0, every, num_classes
        if self.variant == 'official':
            present = (labels[:, None] == every[:, None, None]) & reliable[:, None]
            present = present.any(-1).any(-1).any(0)
            # Ids of the present classes, then those of the others.
            negative_of = (~present).to(torch.uint8).argsort(stable=True)
            num_present = present.sum()
            anchored = anchored & (every < num_present) & (num_present > 1)
            if self.avg_present is None:
                divisor = num_present.clamp(min=1)
        with_negatives = anchored & (bank.filled[negative_of] > 0)
        usable = with_negatives & bank.known
        self._count_idle(anchored, with_negatives, usable)
        if self.avg_present:
            divisor = usable.sum().clamp(min=1)

        num = self.num_anchors * self.num_negatives
        negatives = bank.sample(negative_of, num, generator)
        if _drops_unused(embeddings.device):
            every = usable.nonzero()[:, 0]
            pixels, negatives, usable = (v[every] for v in (pixels, negatives, usable))
        anchors = _pixels(embeddings, pixels.flatten())
        if anchors.dtype != torch.float64:
            anchors = anchors.float()
        positives = bank.unit_prototypes().to(anchors.dtype)
        loss = info_nce(
            F.normalize(anchors, dim=1),
            positives[every].repeat_interleave(self.num_anchors, 0),
            bank.queues,
            negatives.view(-1, self.num_negatives),
            self.temperature,
        )
        loss = loss.view(-1, self.num_anchors).mean(1).where(usable, 0).sum()
        return self.loss_weight * (loss / divisor)

    def report_idle(self) -> None:
        """Log, once for each reason, that steps had a contrastive loss of 0.

        Waits for the device; :class:`~mmseg_labelfree.engine.hooks.
        PrototypeMemoryBankHook` calls it now and then.
        """
        for index, steps in enumerate(self.idle_steps.tolist()):
            if steps and index not in self._logged:
                self._logged.add(index)
                _warn(
                    f'{self._loss_name} was 0 in {steps} step(s) so far: '
                    f'{_REASONS[index]}.'
                )

    def extra_repr(self) -> str:
        """The settings, for ``print(model)``."""
        return (
            f'num_anchors={self.num_anchors}, num_negatives={self.num_negatives}, '
            f'temperature={self.temperature}, variant={self.variant!r}, '
            f'loss_weight={self.loss_weight}'
        )

    @property
    def loss_name(self) -> str:
        """Name of the loss in the log; starts with ``loss_``."""
        return self._loss_name

    def _ranks(self, num_classes: int) -> tuple[int, int]:
        ranks = clamp_ranks(num_classes, self.low_rank, self.high_rank)
        if ranks != (self.low_rank, self.high_rank) and not self._warned_ranks:
            self._warned_ranks = True
            _warn(
                f'{type(self).__name__}: with {num_classes} classes, negatives are '
                f'those of rank {ranks[0]} to {ranks[1] - 1}; low_rank='
                f'{self.low_rank} and high_rank={self.high_rank} were lowered.'
            )
        return ranks

    def _count_idle(self, *stages: Tensor) -> None:
        """Count a step under the first stage that no class passes."""
        passed = torch.stack([stage.any() for stage in stages])
        before = torch.cat([passed.new_ones(1), passed[:-1]])
        self.idle_steps += before & ~passed


def _drops_unused(device: torch.device) -> bool:
    """Whether to leave out classes without a term instead of multiplying by 0.

    Their number has to be known for it, for which a GPU would have to be waited for.
    """
    return device.type == 'cpu'


def _pixels(maps: Tensor, index: Tensor) -> Tensor:
    """Rows ``(K, D)`` of maps ``(N, D, h, w)`` at flat pixel indices ``(K,)``."""
    area = maps.shape[2] * maps.shape[3]
    image, place = index // area, index % area
    # Both are views, and give a gradient in the layout of the maps.
    if maps.is_contiguous():
        return maps.flatten(2)[image, :, place]
    return maps.permute(0, 2, 3, 1).flatten(1, 2)[image, place]


def _warn(message: str) -> None:
    print_log(message, logger='current', level=logging.WARNING)
