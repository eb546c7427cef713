"""What a segmentor asks of its heads, checked as it is built."""

import inspect
from collections.abc import Iterator
from typing import Any

from mmseg.models import EncoderDecoder
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.losses import DiceLoss, LovaszLoss
from torch import nn

from ...ops.label_maps import IGNORE
from ..losses.image_presence_loss import ImagePresenceLoss
from ..losses.pixel_losses import losses_of

__all__ = [
    'heads_of',
    'needs_bank_of_size',
    'needs_ignore_255',
    'needs_map_of_logits',
    'needs_output_per_class',
    'needs_pixel_weights',
    'needs_statistics_of_size',
    'needs_weighted_head',
]

_OF_REGIONS = DiceLoss | LovaszLoss | ImagePresenceLoss


def needs_ignore_255(model: EncoderDecoder) -> None:
    """Raise a ValueError if a head ignores another label than 255.

    Pseudo-labels, padding and the datasets of this package have 255 where a pixel
    counts for nothing, whatever the ``ignore_index`` of a dataset.
    """
    for name, head in _logit_heads(model):
        if head.ignore_index != IGNORE:
            raise ValueError(
                f'{type(model).__name__} ignores the label {IGNORE}, but {name}.'
                f'ignore_index={head.ignore_index}: leave it out; wrappers such as '
                "SourceDataset turn a dataset's ignore_index into 255 (plain validation"
                ' data and its metric keep theirs)'
            )


def needs_output_per_class(model: EncoderDecoder) -> None:
    """Raise a ValueError if a head has one output for two classes."""
    for name, head in _logit_heads(model):
        if head.out_channels == 1 and head.num_classes > 1:
            raise ValueError(
                f'{type(model).__name__} needs an output for each class, but {name}.'
                'out_channels=1 (two classes by a threshold): leave out out_channels '
                'and threshold, and use_sigmoid of its loss'
            )


def needs_map_of_logits(model: EncoderDecoder) -> None:
    """Raise a ValueError if a head gives several maps in training, not one of logits.

    Those heads of MMSegmentation take them apart in a ``loss_by_feat`` of their own,
    whose first argument says so by its type.
    """
    for name, head in _logit_heads(model):
        logits = [*inspect.signature(type(head).loss_by_feat).parameters.values()][1]
        if any(kind in str(logits.annotation) for kind in ('Tuple', 'List')):
            raise ValueError(
                f'{type(model).__name__} learns from one map of logits, but {name}'
                f'={type(head).__name__} gives several in training: take another head, '
                'such as ASPPHead, UPerHead or SegformerHead'
            )


def needs_pixel_weights(reason: str, loss: nn.Module) -> None:
    """Raise a ValueError if a loss has no weight for each pixel.

    MMSegmentation's losses of regions are told the weights as well: Lovasz and Tversky
    leave them out, Dice has those of images. ``ImagePresenceLoss`` is of whole images.

    Args:
        reason: Setting that weighs the pixels, for the message.
        loss: The loss.
    """
    takes = inspect.signature(loss.forward).parameters
    if 'weight' not in takes or isinstance(loss, _OF_REGIONS):
        raise ValueError(
            f'{reason} weighs pixels, which {type(loss).__name__} cannot: take a loss '
            'of pixels, such as CrossEntropyLoss'
        )


def needs_weighted_head(reason: str, head: BaseDecodeHead) -> None:
    """Raise a ValueError if the losses of a head take no weight for each pixel.

    Args:
        reason: Setting that weighs the pixels, for the message.
        head: The head.
    """
    own = type(head).loss_by_feat is not BaseDecodeHead.loss_by_feat
    if own or not (head.sampler is None or hasattr(head.sampler, 'pixel_weights')):
        raise ValueError(
            f'{reason} weighs pixels, and {type(head).__name__} has losses of its own, '
            'or a pixel sampler, which take no weights: take a head without'
        )
    for loss in losses_of(head):
        needs_pixel_weights(reason, loss)


def needs_bank_of_size(bank: nn.Module, num_classes: int, channels: int) -> None:
    """Raise a ValueError if a memory bank has other classes or channels.

    Args:
        bank: A ``PrototypeMemoryBank``.
        num_classes: Of the decode head.
        channels: Of the embeddings.
    """
    _needs_size('memory_bank', bank, num_classes, channels)


def needs_statistics_of_size(
    statistics: nn.Module, num_classes: int, channels: int
) -> None:
    """Raise a ValueError if class statistics have other classes or channels.

    Args:
        statistics: A ``ClassStatistics``.
        num_classes: Of the decode head.
        channels: Of the embeddings.
    """
    _needs_size('class_statistics', statistics, num_classes, channels)


def _needs_size(part: str, layer: nn.Module, num_classes: int, channels: int) -> None:
    for name, wanted in dict(num_classes=num_classes, channels=channels).items():
        if getattr(layer, name) != wanted:
            raise ValueError(
                f'{part}.{name}={getattr(layer, name)} does not fit the heads: set '
                f'{part}.{name}={wanted}'
            )


def heads_of(model: EncoderDecoder) -> dict[str, nn.Module]:
    """Decode and auxiliary heads by their keys in the config."""
    heads: dict[str, nn.Module] = {}
    for name in ('decode_head', 'auxiliary_head'):
        head = getattr(model, name, None)
        if isinstance(head, nn.ModuleList):
            heads |= {f'{name}.{i}': part for i, part in enumerate(head)}
        elif head is not None:
            heads[name] = head
    return heads


def _logit_heads(model: EncoderDecoder) -> Iterator[tuple[str, Any]]:
    """Heads under their names; ValueError for one that classifies masks."""
    for name, head in heads_of(model).items():
        if hasattr(head, 'cls_embed') or 'SideAdapter' in type(head).__name__:
            raise ValueError(
                f'{type(model).__name__} learns from logits of pixels, but {name}'
                f'={type(head).__name__} classifies masks and has none: take a head of '
                'logits, such as ASPPHead, UPerHead or SegformerHead'
            )
        yield name, head
