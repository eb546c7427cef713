"""Generator of labels of unseen classes."""

from collections.abc import Mapping
from typing import Any

import torch
from mmseg.models import EncoderDecoder
from torch import Tensor

from ...ops.consistency import consistent_labels, view_set
from ...ops.label_maps import UNLABELED
from ...ops.quantile import masked_quantile
from ...ops.strips import striped_map

__all__ = ['PseudoLabelGenerator']


class PseudoLabelGenerator:
    """Generator of labels for the unlabeled pixels of a batch, by a frozen model.

    The most probable unseen class, where all views agree on it (STRICT, eq. 5-6;
    https://arxiv.org/abs/2104.11692). There is no confidence threshold. With a loss at
    the size of the logits, scores are enlarged corner on corner, so that the labels of
    one view at these logits are exactly the logits' own best classes.

    Args:
        views: See :func:`~mmseg_labelfree.ops.consistency.view_set`. 'mirror+up' is
            STRICT; 'none' is plain self-training, SPNet+ST.
        top_percent: Instead of agreement, as in ZS5: a pixel whose most probable of all
            classes, seen ones too, is unseen gets it if its probability is among the
            highest ``top_percent`` percent of such pixels of the batch. Needs
            ``views='none'``.

    Raises:
        ValueError: A setting is out of range.

    Example:
        ``model=dict(generator=dict(views='mirror+up'))``
    """

    def __init__(
        self,
        views: str | Mapping[str, Any] = 'mirror+up',
        top_percent: float | None = None,
    ) -> None:
        self.views = view_set(views)
        self.top_percent = top_percent
        if top_percent is not None:
            if not 0 < top_percent <= 100:
                raise ValueError(f'top_percent must be in 0 to 100, not {top_percent}')
            if self.views != view_set('none'):
                raise ValueError("top_percent looks at one view: set views='none'")

    @torch.no_grad()
    def __call__(
        self,
        model: EncoderDecoder,
        images: Tensor,
        labels: Tensor,
        background: int | None = None,
        all_processes: bool = True,
    ) -> Tensor:
        """Fill in the unlabeled pixels.

        Args:
            model: In evaluation mode, with a ``SemanticProjectionHead``.
            images: Normalized, (N, 3, H, W).
            labels: int64 (N, H, W). 254 = unlabeled, 255 = ignored; the latter stay,
                padding among them.
            background: Label of a seen background, whose pixels count as unlabeled
                and stay background where there is no pseudo-label.
            all_processes: Whether ``top_percent`` means the batches of all processes
                together, which must then all call this.

        Returns:
            int64 (N, H, W); pixels without pseudo-label keep what they had.
        """
        empty = labels == UNLABELED
        if background is not None:
            empty |= labels == background
        if self.top_percent is None:
            pseudo = self._consistent(model, images)
        else:
            least = 1 - self.top_percent / 100
            pseudo = self._most_probable(model, images, empty, least, all_processes)
        return torch.where(empty & (pseudo != 255), pseudo, labels)

    def _consistent(self, model: EncoderDecoder, images: Tensor) -> Tensor:
        head = model.decode_head
        with head.using('unseen') as classes:
            channels = consistent_labels(
                lambda view: head(model.extract_feat(view)),
                images,
                self.views.draw(),
                head.labels_at_corners,
            )
        label = torch.full((256,), 255, device=channels.device)
        label[: len(classes)] = classes
        return label[channels]

    def _most_probable(
        self,
        model: EncoderDecoder,
        images: Tensor,
        empty: Tensor,
        share: float,
        all_processes: bool,
    ) -> Tensor:
        head = model.decode_head
        probability, labels = striped_map(
            lambda x: tuple(x.softmax(1).max(1)),
            [head(model.extract_feat(images))],
            images.shape[2:],
            align_corners=head.labels_at_corners,
        )
        with head.using('unseen') as classes:
            candidates = empty & torch.isin(labels, classes)
        least = masked_quantile(probability, [share], candidates, all_processes)
        return labels.masked_fill_(~candidates | (probability < least), 255)
