"""Contrast of pixels with prototypes and with rows of a memory bank."""

import logging
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from torch import Tensor

from ...ops.info_nce import info_nce
from ..layers.memory_bank import PrototypeMemoryBank
from .base import BaseLoss

_REASONS = (
    'no class had anchors, pixels whose label is reliable and probable enough',
    'the memory bank held no negatives of the classes with anchors',
    'no class with anchors and negatives had a prototype',
)


class BankContrastLoss(BaseLoss):
    """Base class of the losses of drawn pixels against a memory bank (U2PL+, eq. 10).

    Subclasses say which pixels are anchors and which are negatives.

    Args:
        num_anchors: M, of each class. Defaults to 256.
        num_negatives: N, of each anchor. Defaults to 50.
        temperature: Above 0. Defaults to 0.5.
        **kwargs: As for :class:`BaseLoss`; the paper's weight is 0.1.

    Raises:
        ValueError: An argument is out of range.
    """

    loss_name = 'loss_contrast'

    def __init__(
        self,
        num_anchors: int = 256,
        num_negatives: int = 50,
        temperature: float = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if num_anchors < 1 or num_negatives < 1:
            raise ValueError(
                'num_anchors and num_negatives must be at least 1, got '
                f'{num_anchors} and {num_negatives}'
            )
        if not temperature > 0:
            raise ValueError(f'temperature must be above 0, got {temperature}')
        self.num_anchors = num_anchors
        self.num_negatives = num_negatives
        self.temperature = temperature
        self._logged: set[int] = set()
        self.idle_steps: Tensor
        # How many steps cost nothing for each reason; read at leisure, because
        # reading waits for the device.
        idle = torch.zeros(len(_REASONS), dtype=torch.long)
        self.register_buffer('idle_steps', idle, persistent=False)

    def contrast(
        self,
        embeddings: Tensor,
        pixels: Tensor,
        contrasted: Tensor,
        queue: Tensor,
        bank: PrototypeMemoryBank,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Sum the mean losses of the anchors of each class, without ``loss_weight``.

        Args:
            embeddings: ``(N, D, h, w)``, any precision; computed in float32 at the
                drawn pixels.
            pixels: int64 ``(C, num_anchors)``, the anchors of each class as indices
                into all N h w pixels.
            contrasted: Bool ``(C,)``, which classes have anchors.
            queue: int64 ``(C,)``, the class whose negatives each meets.
            bank: Of C classes and D channels.
            generator: Of the random draws, on the device of the embeddings; default
                the global one.

        Returns:
            A scalar, float32 (float64 for float64), attached to the embeddings.
        """
        with_negatives = contrasted & (bank.filled[queue] > 0)
        usable = with_negatives & bank.known
        self._count_idle(contrasted, with_negatives, usable)

        every = torch.arange(len(pixels), device=pixels.device)
        num = self.num_anchors * self.num_negatives
        negatives = bank.sample(queue, num, generator)
        if drops_unused(embeddings.device):
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
        return loss.view(-1, self.num_anchors).mean(1).where(usable, 0).sum()

    def report_idle(self) -> None:
        """Log, once for each reason, that steps had a contrastive loss of 0.

        Waits for the device; :class:`~mmseg_labelfree.engine.hooks.
        PrototypeMemoryBankHook` calls it now and then.
        """
        for index, steps in enumerate(self.idle_steps.tolist()):
            if steps and index not in self._logged:
                self._logged.add(index)
                warn(
                    f'{self.loss_name} was 0 in {steps} step(s) so far: '
                    f'{_REASONS[index]}.'
                )

    def _count_idle(self, *stages: Tensor) -> None:
        """Count a step under the first stage that no class passes."""
        passed = torch.stack([stage.any() for stage in stages])
        before = torch.cat([passed.new_ones(1), passed[:-1]])
        self.idle_steps += before & ~passed


def drops_unused(device: torch.device) -> bool:
    """Whether to leave out classes without a term instead of multiplying by 0.

    Their number has to be known for it, for which a GPU would have to be waited for.
    """
    return device.type == 'cpu'


def warn(message: str) -> None:
    """Log a warning."""
    print_log(message, logger='current', level=logging.WARNING)


def _pixels(maps: Tensor, index: Tensor) -> Tensor:
    """Rows ``(K, D)`` of maps ``(N, D, h, w)`` at flat pixel indices ``(K,)``."""
    area = maps.shape[2] * maps.shape[3]
    image, place = index // area, index % area
    # Both are views, and give a gradient in the layout of the maps.
    if maps.is_contiguous():
        return maps.flatten(2)[image, :, place]
    return maps.permute(0, 2, 3, 1).flatten(1, 2)[image, place]
