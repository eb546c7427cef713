"""Contrast of pixels that activation maps tell apart."""

from collections.abc import Sequence
from typing import Any

import torch
from mmseg.registry import MODELS
from torch import Tensor

from ...ops.activation_contrast import (
    activation_anchors,
    activation_negatives,
    keep_random,
    sample_members,
    with_background,
)
from ...ops.reliability import nearest_pixels
from ...utils.choices import check_choice, check_names
from ..layers.memory_bank import PrototypeMemoryBank
from .bank_contrast import BankContrastLoss


@MODELS.register_module()
class ActivationContrastiveLoss(BankContrastLoss):
    r"""Loss that contrasts pixels by their activation maps (U2PL+, section 3.5.2).

    That of :class:`MemoryBankContrastiveLoss` (U2PL+, eq. 10) for images of which only
    the classes are known (https://arxiv.org/abs/2306.02314): anchors of class c are the
    pixels with :math:`M^c > \beta` in images that have the class (U2PL+, eq. 29), the
    positive is the momentum prototype of such pixels (U2PL+, eq. 30), negatives are all
    pixels of images without the class and those with :math:`M^c < \beta`
    (U2PL+, eq. 31). A step calls :meth:`observe` first.

    Args:
        threshold: :math:`\beta`, between 0 and 1; the paper follows AFA, whose value at
            test is 0.45. Defaults to 0.45.
        negatives: Conditions that make a negative, of 'absent' and 'unreliable' (U2PL+,
            Table 14). Defaults to both.
        negatives_per_image: Negatives of each image and class that enter a queue, drawn
            at random. Defaults to None: ``num_anchors``.
        background: Give the background the map :math:`1 - \max_c M^c`. The papers have
            none. Defaults to False: foreground classes alone.
        **kwargs: As for :class:`BankContrastLoss`.

    Raises:
        ValueError: An argument is out of range.

    Example:
        ``contrastive_loss=dict(type='ActivationContrastiveLoss', loss_weight=0.1)``

        Two images, each of one pixel and one class:

        >>> axes, own = torch.eye(2), torch.eye(2, dtype=torch.bool)
        >>> bank = PrototypeMemoryBank(num_classes=2, channels=2, length=1)
        >>> loss = ActivationContrastiveLoss(num_negatives=1, temperature=1.0)
        >>> pixels = axes.view(2, 2, 1, 1)
        >>> anchors = loss.observe(pixels, pixels, own, bank)
        >>> loss(pixels, anchors, bank)
        tensor(0.3133)
    """

    def __init__(
        self,
        threshold: float = 0.45,
        negatives: Sequence[str] = ('absent', 'unreliable'),
        negatives_per_image: int | None = None,
        background: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not 0 < threshold < 1:
            raise ValueError(f'threshold must be between 0 and 1, got {threshold}')
        check_names(negatives=negatives)
        for kind in negatives:
            check_choice('negatives', kind, ('absent', 'unreliable'))
        if negatives_per_image is None:
            negatives_per_image = self.num_anchors
        if negatives_per_image < 1:
            raise ValueError(
                f'negatives_per_image must be at least 1, got {negatives_per_image}'
            )
        self.threshold = threshold
        self.negatives = tuple(negatives)
        self.negatives_per_image = negatives_per_image
        self.background = background

    @torch.no_grad()
    def observe(
        self,
        embeddings: Tensor,
        activations: Tensor,
        image_labels: Tensor,
        bank: PrototypeMemoryBank,
        valid: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Move the prototypes, fill the queues, and find the anchors.

        Every process must call it.

        Args:
            embeddings: ``(N, D, h, w)``, of which no gradient is taken.
            activations: ``(N, K, H, W)``, 0 to 1, of which the nearest pixels count.
                Without 'absent' in ``negatives`` those of absent classes count too.
            image_labels: Bool ``(N, K)``.
            bank: Of K classes, 1 + K with ``background``.
            valid: Bool ``(N, H, W)``, False where there is no image.
            generator: Of the draw of negatives; default the global one.

        Returns:
            Anchors, bool ``(N, C, h, w)`` with C classes of the bank.

        Raises:
            ValueError: The bank has another number of classes.
        """
        size = embeddings.shape[2:]
        maps = nearest_pixels(activations, size)
        if self.background:
            maps, image_labels = with_background(maps, image_labels)
        if maps.shape[1] != bank.num_classes:
            raise ValueError(
                f'the bank has {bank.num_classes} classes, but there are maps of '
                f'{maps.shape[1]} (background={self.background}): set '
                f'memory_bank.num_classes={maps.shape[1]}'
            )
        anchors = activation_anchors(maps, image_labels, self.threshold)
        negatives = activation_negatives(
            maps, image_labels, self.threshold, self.negatives
        )
        if valid is not None:
            inside = nearest_pixels(valid, size)[:, None]
            anchors, negatives = anchors & inside, negatives & inside
        bank.update_prototypes(embeddings, anchors)
        kept = keep_random(negatives, self.negatives_per_image, generator)
        bank.push_map(embeddings, kept)
        return anchors

    def forward(
        self,
        embeddings: Tensor,
        anchors: Tensor,
        bank: PrototypeMemoryBank,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Compute the loss of the pixels of this process.

        Args:
            embeddings: ``(N, D, h, w)``, any precision; computed in float32 at the
                drawn pixels.
            anchors: Bool ``(N, C, h, w)``, from :meth:`observe`.
            bank: Of C classes and D channels.
            generator: Of the random draws, on the device of the embeddings; default
                the global one.

        Returns:
            A scalar, float32 (float64 for float64).
        """
        pixels, counts = sample_members(anchors, self.num_anchors, generator)
        queue = torch.arange(len(counts), device=counts.device)
        loss = self.contrast(embeddings, pixels, counts > 0, queue, bank, generator)
        return self.loss_weight * (loss / len(counts))
