"""Segmentor of U2PL+ from the classes of whole images."""

from collections.abc import Sequence
from typing import Any

import torch
from mmseg.registry import MODELS
from torch import Tensor

from ..utils.head_checks import needs_bank_of_size
from .activation_maps import ActivationView
from .image_level import ImageLevelEncoderDecoder


@MODELS.register_module()
class ImageLevelU2PLEncoderDecoder(ImageLevelEncoderDecoder):
    r"""Segmentor that learns from image labels and unreliable pixels: U2PL+ on AFA.

    :class:`ImageLevelEncoderDecoder` with the contrastive loss of U2PL+ for image-level
    labels (U2PL+, eq. 9 and 29-31; section 3.5.2 of https://arxiv.org/abs/2306.02314)
    between embeddings of the backbone's features, while there are activation maps. It
    takes these before refinement. There is no teacher in this setting: keys are
    embeddings of the same network, without gradient.

    Add ``PrototypeMemoryBankHook``, which saves the bank.

    Args:
        representation_head: A ``RepresentationHead`` for the backbone's features (its
            ``layer`` is not used).
        memory_bank: A ``PrototypeMemoryBank`` of the classes, without background
            unless the loss gives it a map.
        contrastive_loss: An ``ActivationContrastiveLoss``.
        embedding_index: Which of the backbone's feature maps is embedded.
        **kwargs: As for :class:`ImageLevelEncoderDecoder`.

    Raises:
        ValueError: The bank has other classes or channels than the heads.

    Example:
        See ``configs/_base_/methods/afa.py``.
    """

    def __init__(
        self,
        *args: Any,
        representation_head: dict,
        memory_bank: dict,
        contrastive_loss: dict,
        embedding_index: int = -1,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        # With or without this head a seed gives the other parts the same start, so that
        # methods can be compared.
        with torch.random.fork_rng(devices=()):
            self.representation_head = MODELS.build(representation_head)
        self.memory_bank = MODELS.build(memory_bank)
        self.contrastive_loss = MODELS.build(contrastive_loss)
        self.embedding_index = embedding_index
        classes = self.num_classes - (not self.contrastive_loss.background)
        channels = self.representation_head.channels
        needs_bank_of_size(self.memory_bank, classes, channels)
        # Maps of absent classes are negatives only where they are low.
        self.every_class = 'absent' not in self.contrastive_loss.negatives

    def extra_losses(
        self, features: Sequence[Tensor], view: ActivationView | None
    ) -> dict[str, Tensor]:
        """The contrastive loss; zero, but attached, while there are no maps."""
        embeddings = self.representation_head(features[self.embedding_index])
        if view is None:
            return {'contrast.loss_none': 0 * embeddings.float().mean()}
        anchors = self.contrastive_loss.observe(
            embeddings.detach(),
            view.activations,
            view.image_labels.to(embeddings.device),
            self.memory_bank,
            view.valid,
        )
        loss = self.contrastive_loss(embeddings, anchors, self.memory_bank)
        return {f'contrast.{self.contrastive_loss.loss_name}': loss}
