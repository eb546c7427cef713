"""Pixels with the largest loss of a batch, for online hard example mining."""

from functools import partial

import torch
import torch.nn.functional as F
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import TASK_UTILS
from mmseg.structures import BasePixelSampler
from torch import Tensor, nn

from ...ops.strips import striped_map
from ..losses.base import DecodeLoss
from ..losses.pixel_losses import losses_of
from .head_checks import needs_pixel_weights

__all__ = ['HardPixelSampler']


@TASK_UTILS.register_module()
class HardPixelSampler(BasePixelSampler):
    """Sampler that makes the loss of a head the mean over a batch's hard pixels.

    A pixel is kept if the probability of its label is at most ``thresh``, or among the
    ``min_kept`` smallest of the batch: OHEM (https://arxiv.org/abs/1604.03540) as
    U2PL's code has it. In MMSegmentation's ``OHEMPixelSampler``, ``min_kept`` counts
    for each image, and the head divides the sum over the kept pixels by the number of
    all pixels, so that the loss falls with their share. Heads of
    :class:`~mmseg_labelfree.models.segmentors.StripedEncoderDecoder` find the pixels
    without enlarging the logits.

    Args:
        context: The head. Its losses have to average over all pixels, ignored ones
            included: without ``avg_non_ignore``, ``class_weight`` and weights of their
            own.
        thresh: Largest probability of a pixel that is hard, 0 to 1. Defaults to 0.7.
        min_kept: How many pixels of a batch are kept at least, if it has so many with a
            label; each process counts its own. Defaults to 100000.

    Raises:
        ValueError: An argument is out of range, or the head has one output for two
            classes, or a loss that divides by another number or weighs no pixels.

    Example:
        ``decode_head=dict(sampler=dict(type='HardPixelSampler', thresh=0.7,
        min_kept=100000))``
    """

    def __init__(
        self, context: BaseDecodeHead, thresh: float = 0.7, min_kept: int = 100000
    ) -> None:
        super().__init__()
        if not 0 <= thresh <= 1:
            raise ValueError(f'thresh={thresh} is not in 0 to 1')
        if min_kept < 1:
            raise ValueError(f'min_kept={min_kept} must be at least 1')
        if context.out_channels == 1:
            raise ValueError('HardPixelSampler needs an output for each class')
        for loss in losses_of(context):
            needs_pixel_weights('HardPixelSampler', loss)
            if divisor := _divisor(loss):
                raise ValueError(
                    f'HardPixelSampler averages over the pixels it keeps, but '
                    f'{type(loss).__name__} {divisor}'
                )
        self.ignore_index = context.ignore_index
        self.align_corners = context.align_corners
        self.thresh = thresh
        self.min_kept = min_kept

    def sample(self, seg_logit: Tensor, seg_label: Tensor) -> Tensor:
        """Weights of pixels whose logits have their size.

        Args:
            seg_logit: ``(N, C, H, W)``.
            seg_label: ``(N, 1, H, W)``, int64.

        Returns:
            ``(N, H, W)``, see :meth:`pixel_weights`.
        """
        return self.pixel_weights(seg_logit, seg_label[:, 0])

    @torch.no_grad()
    def pixel_weights(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Weights that turn a mean over all pixels into one over the hard ones.

        Args:
            logits: ``(N, C, h, w)``, of any size.
            labels: int64 ``(N, H, W)``.

        Returns:
            float32 ``(N, H, W)``: N H W over the number of kept pixels where a pixel is
            kept, 0 elsewhere.
        """
        (negative_log,) = striped_map(
            partial(F.cross_entropy, ignore_index=self.ignore_index, reduction='none'),
            [logits],
            labels.shape[1:],
            labels,
            align_corners=self.align_corners,
        )
        labeled = labels != self.ignore_index
        probability = negative_log.neg().exp().masked_fill(~labeled, torch.inf)
        num = min(self.min_kept, labels.numel())
        limit = probability.flatten().kthvalue(num).values.clamp(min=self.thresh)
        kept = labeled & (probability <= limit)
        return kept.float() * (labels.numel() / kept.sum().clamp(min=1))


def _divisor(loss: nn.Module) -> str:
    """What a loss divides by, if that is not the number of all pixels; else ''."""
    if getattr(loss, 'avg_non_ignore', False):
        return 'has avg_non_ignore=True: set it to False'
    if getattr(loss, 'class_weight', None) is not None:
        return 'divides by the weights of its pixels: leave class_weight out'
    own = getattr(type(loss), 'pixel_weight', DecodeLoss.pixel_weight)
    if own is not DecodeLoss.pixel_weight:
        return 'weighs the pixels by itself: take another loss'
    return ''
