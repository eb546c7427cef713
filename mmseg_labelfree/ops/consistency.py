"""Pseudo-labels on which several views of an image agree."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .strips import striped_map

__all__ = ['VIEW_SETS', 'View', 'ViewSet', 'consistent_labels', 'make_view', 'view_set']


#: A scale, or the range that one is drawn from.
Scale = float | tuple[float, float]


class View(NamedTuple):
    """Reversible change of an image.

    Attributes:
        scale: Size of the view over the size of the image.
        flip: Whether it is mirrored left to right.
    """

    scale: float = 1.0
    flip: bool = False


class ViewSet(NamedTuple):
    """Set of views that have to agree.

    Attributes:
        scales: Scale of each view; a pair is the range that one is drawn from anew
            for each batch, uniformly.
        mirror: Whether each view also comes mirrored.
    """

    scales: tuple[Scale, ...] = (1.0,)
    mirror: bool = False

    def draw(self) -> list[View]:
        """Draw the views for one batch, by torch's generator on the CPU."""
        views = []
        for scale in self.scales:
            if isinstance(scale, tuple):
                low, high = scale
                scale = low + (high - low) * torch.rand(()).item()
            views += [View(scale, flip) for flip in (False, True)[: 1 + self.mirror]]
        return views


_RANDOM = (0.5, 1.75)
_SCALES: dict[str, tuple[Scale, ...]] = {
    'down': (1.0, 0.75, 0.5),
    'up': (1.0, 1.5, 1.75),
    'random': (1.0, _RANDOM, _RANDOM),
}
#: The rows of STRICT's table 3, with the scales of the authors' code.
VIEW_SETS: dict[str, ViewSet] = {
    'none': ViewSet(),
    'mirror': ViewSet(mirror=True),
    **{name: ViewSet(scales) for name, scales in _SCALES.items()},
    **{f'mirror+{name}': ViewSet(scales, True) for name, scales in _SCALES.items()},
}


def view_set(views: str | Mapping | ViewSet) -> ViewSet:
    """Look up a set of views by name, or make one (STRICT, Table 3).

    Args:
        views: A name of :data:`VIEW_SETS`, or ``dict(scales=[1.0, (0.5, 2.0)],
            mirror=True)``.

    Raises:
        ValueError: The name is unknown, there is no view, or a scale is not positive.

    Example:
        >>> view_set('mirror+down').scales
        (1.0, 0.75, 0.5)
    """
    if isinstance(views, str):
        if views not in VIEW_SETS:
            raise ValueError(
                f'views={views!r} is unknown; use one of {", ".join(VIEW_SETS)}, or '
                'dict(scales=[...], mirror=True)'
            )
        return VIEW_SETS[views]
    if isinstance(views, Mapping):
        views = ViewSet(views.get('scales', (1.0,)), bool(views.get('mirror', False)))
    if not views.scales:
        raise ValueError('scales of views must be positive, but there is none')
    return ViewSet(tuple(_scale(scale) for scale in views.scales), views.mirror)


def _scale(scale: float | Sequence[float]) -> Scale:
    ends = tuple(scale) if isinstance(scale, Sequence) else (scale, scale)
    if len(ends) != 2 or not 0 < ends[0] <= ends[1]:
        raise ValueError(
            'scales of views must be positive numbers or ascending pairs of them, not '
            f'{scale}'
        )
    low, high = map(float, ends)
    return (low, high) if isinstance(scale, Sequence) else low


def make_view(images: Tensor, view: View, align_corners: bool = False) -> Tensor:
    """Resize images bilinearly, then mirror them.

    Args:
        images: Floating point ``(N, C, H, W)``.
        view: What to do.
        align_corners: As in the network's own resizing. True places the corners of
            view and image on each other, also in the size of the view,
            ``(H - 1) * scale + 1``: sizes of ``8 k + 1`` stay such sizes at scales 1.5
            and 1.75, and features of stride 8 lie at the same places. False: ``H *
            scale``. Both are rounded.

    Returns:
        ``(N, C, H', W')``; ``images`` itself for the identity.

    Example:
        >>> make_view(torch.tensor([[[[1.0, 2.0]]]]), View(flip=True))
        tensor([[[[2., 1.]]]])
    """
    edge = int(align_corners)
    size = [max(1, round((s - edge) * view.scale) + edge) for s in images.shape[2:]]
    if size != list(images.shape[2:]):
        images = F.interpolate(
            images, size, mode='bilinear', align_corners=align_corners
        )
    return images.flip(3) if view.flip else images


@torch.no_grad()
def consistent_labels(
    predict: Callable[[Tensor], Tensor],
    images: Tensor,
    views: Sequence[View],
    align_corners: bool = False,
    ignore_index: int = 255,
) -> Tensor:
    r"""Compute the class of each pixel on which all views agree (STRICT, eq. 5-6).

    STRICT (https://arxiv.org/abs/2104.11692) calls a pixel consistent where

    .. math::
        \bar y^k = \arg\max_{c \in U} P(c \mid A_k(x)), \qquad
        \bar y = A_1^{-1}(\bar y^1) \cap \dots \cap A_K^{-1}(\bar y^K)

    A view's scores are mirrored back and resized bilinearly to the size of the image
    before the argmax, so its labels never pass through a second, nearest-neighbor
    resizing. Views of one scale in a row share its resized images. The agreement is
    kept up view by view: memory is that of the largest view, however many there are,
    and nothing waits for the device.

    Args:
        predict: Maps a view ``(N, 3, H', W')`` to scores ``(N, C, h, w)`` of the
            classes that a label may have, at any resolution.
        images: ``(N, 3, H, W)``, normalized.
        views: The views, at least one.
        align_corners: As in :func:`make_view`, for scores too.
        ignore_index: Label of the pixels on which the views differ.

    Returns:
        int64 ``(N, H, W)``: index into the C classes, or ``ignore_index``. Of equal
        scores the first class wins.

    Example:
        A network that goes by the place in the view alone, where mirroring changes all
        labels but that of the middle:

        >>> def predict(view):
        ...     return torch.tensor([[0.0, 1.0, 2.0], [1.0, 0.0, 0.0]]).view(1, 2, 1, 3)
        >>> image = torch.zeros(1, 3, 1, 3)
        >>> consistent_labels(predict, image, [View(), View(flip=True)])
        tensor([[[255,   0, 255]]])
    """
    labels = _view_labels(predict, images, views, align_corners)
    agreed = next(labels)
    for others in labels:
        agreed.masked_fill_(agreed != others, ignore_index)
    return agreed


def _view_labels(
    predict: Callable[[Tensor], Tensor],
    images: Tensor,
    views: Sequence[View],
    align_corners: bool,
) -> Iterator[Tensor]:
    """The most probable class of each pixel of the images, view by view."""
    for scale, group in groupby(views, lambda view: view.scale):
        resized = make_view(images, View(scale), align_corners)
        for view in group:
            scores = predict(make_view(resized, View(flip=view.flip))).float()
            if view.flip:
                scores = scores.flip(3)
            (labels,) = striped_map(
                lambda x: x.max(1).indices,  # argmax, in a tenth of the time on CPUs
                [scores],
                images.shape[2:],
                align_corners=align_corners,
            )
            yield labels
