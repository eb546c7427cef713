"""Views of a batch's images with what a student is to learn of them."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from mmengine.logging import print_log
from torch import Tensor

from ...ops.block_masks import block_masks
from ...ops.label_maps import IGNORE
from ...ops.mixing import blank, mix, mixing_masks
from ...ops.reliability import nearest_pixels
from ...utils.choices import check_choice, check_range

__all__ = [
    'TeacherView',
    'ViewMasking',
    'ViewMixing',
    'blank_view',
    'mix_view',
    'repeat_view',
    'split_view',
]

_MAPS = ('images', 'labels', 'weights', 'logits', 'anchors')


@dataclass(frozen=True)
class TeacherView:
    """One view of N images, and what a student is to learn of them.

    Attributes:
        images: ``(N, 3, H, W)``, normalized.
        labels: int64 ``(N, H, W)``, ground truth or a teacher's pseudo-labels, 255 =
            ignored.
        weights: Float ``(N, H, W)``, weight of each pixel in the loss; None for 1.
        logits: The teacher's ``(N, C, h, w)``, at the size of the embeddings that are
            compared in a contrastive loss; None without one.
        anchors: int64 ``(N, h, w)``, the labels of those pixels that may be anchors
            of that loss, 255 = no anchor.
        loss_weight: Factor on the loss of this view.
        name: Prefix of its losses in the log; those of views of one name are averaged.
    """

    images: Tensor
    labels: Tensor
    weights: Tensor | None = None
    logits: Tensor | None = None
    anchors: Tensor | None = None
    loss_weight: Tensor | float = 1.0
    name: str = 'unlabeled'

    def __len__(self) -> int:
        """N."""
        return len(self.images)


@dataclass(frozen=True)
class ViewMixing:
    """How the images of a view are mixed, see :mod:`~mmseg_labelfree.ops.mixing`.

    Attributes:
        kind: None, 'cutmix', 'classmix' or 'cutout'.
        partner: Where pixels are taken from: the next 'unlabeled' image, or a 'labeled'
            one; the i-th image gets the i-th labeled one. A single unlabeled image,
            which has no next one, gets a labeled one.
        prob: Probability of mixing.
        per_sample: Decide for each sample instead of once for all.
        area: Share of the image in the box of CutMix and CutOut, or the bounds of one
            of varied area and form (UniMatch).
        classes: Which classes ClassMix chooses from, those of the 'image' or of the
            whole 'batch'.

    Raises:
        ValueError: A choice is unknown, two do not go together, or a number is out of
            range.
    """

    kind: Literal['cutmix', 'classmix', 'cutout'] | None = None
    partner: Literal['unlabeled', 'labeled'] = 'unlabeled'
    prob: float = 1.0
    per_sample: bool = False
    area: float | tuple[float, float] = 0.5
    classes: Literal['image', 'batch'] = 'image'
    _told: list[int] = field(
        default_factory=list, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        check_choice('mixing', self.kind, (None, 'cutmix', 'classmix', 'cutout'))
        check_choice('mixing_partner', self.partner, ('unlabeled', 'labeled'))
        check_choice('mixing_classes', self.classes, ('image', 'batch'))
        check_range(0, 1, mixing_prob=self.prob)
        if isinstance(self.area, Sequence):
            low, high = self.area
            check_range(0, 1, above=True, lowest_mixing_area=low)
            check_range(low, 1, highest_mixing_area=high)
        else:
            check_range(0, 1, above=True, below=True, mixing_area=self.area)
        if self.classes == 'batch' and self.kind != 'classmix':
            raise ValueError(
                f"mixing_classes='batch' is for mixing='classmix', not {self.kind!r}"
            )
        if self.kind == 'cutout' and self.partner == 'labeled':
            raise ValueError(
                "mixing='cutout' takes no pixels from a partner: set mixing='cutmix' "
                "or 'classmix', or leave out mixing_partner='labeled'"
            )

    def __call__(self, view: TeacherView, labeled: TeacherView) -> TeacherView:
        """Mix a view of N unlabeled images, with all that is known of them.

        Args:
            view: The view.
            labeled: The labeled images of the batch; without any a view that needs them
                stays as it is, and a warning says so once.
        """
        if self.kind is None or not len(view):
            return view
        partner = None
        if self.takes_labeled(view):
            if not len(labeled):
                self._warn(len(view))
                return view
            partner = repeat_view(labeled, len(view))
        masks = mixing_masks(
            self.kind,
            view.labels,
            self.prob,
            self.per_sample,
            self.area,
            partner_labels=None if partner is None else partner.labels,
            whole_batch=self.classes == 'batch',
        )
        if self.kind == 'cutout':
            return blank_view(view, masks)
        return mix_view(view, masks, partner)

    def takes_labeled(self, view: TeacherView) -> bool:
        """Whether pixels of labeled images are pasted into a view."""
        if self.kind in (None, 'cutout'):
            return False
        return len(view) == 1 or self.partner == 'labeled'

    def _warn(self, num: int) -> None:
        if not self._told:
            self._told.append(num)
            print_log(
                f'A process has {num} unlabeled image(s), no labeled one, and '
                f'so nothing to mix for {self.kind}.',
                logger='current',
                level=logging.WARNING,
            )


@dataclass(frozen=True)
class ViewMasking:
    """How blocks of a view are hidden while all labels stay: MIC.

    The student has to tell from the rest of the image what is hidden
    (https://arxiv.org/abs/2212.01322), see :func:`~mmseg_labelfree.ops.block_masks`.

    Attributes:
        block_size: Side of the blocks in pixels (published: 32 for crops of 512).
        mask_ratio: Share of the blocks that is hidden, 0 to 1.
        weight: Factor on the loss of the masked view.

    Raises:
        ValueError: A number is out of range.
    """

    block_size: int = 32
    mask_ratio: float = 0.7
    weight: float = 1.0

    def __post_init__(self) -> None:
        check_range(0, 1, mask_ratio=self.mask_ratio)
        check_range(1, block_size=self.block_size)
        check_range(0, weight=self.weight)

    def __call__(self, view: TeacherView) -> TeacherView:
        """Hide blocks of the images: 0, the mean color of normalized ones."""
        num, height, width = view.labels.shape
        hidden = block_masks(
            num, height, width, self.block_size, self.mask_ratio, view.images.device
        )
        images = blank(hidden, view.images, fill=0.0)
        return replace(view, images=images, loss_weight=self.weight, name='masked')


def mix_view(
    view: TeacherView, masks: Tensor, partner: TeacherView | None = None
) -> TeacherView:
    """Take the marked pixels, and all that is known of them, from the partners.

    Args:
        view: Of N images.
        masks: Bool ``(N, H, W)``. Smaller maps take the nearest pixel of it.
        partner: View of N other images, which has every map that ``view`` has; its
            pixels weigh 1 if it has no weights. None: the partner of each image is the
            next one of ``view``.
    """

    def mixed(name: str, values: Tensor) -> Tensor:
        partners = None if partner is None else getattr(partner, name)
        if partner is not None and partners is None and name == 'weights':
            partners = torch.ones_like(values)
        return mix(_masks_at(masks, values), values, partners)

    return _change(view, mixed)


def blank_view(view: TeacherView, masks: Tensor) -> TeacherView:
    """Remove the marked pixels: images 0, labels and anchors 255.

    Args:
        view: Of N images.
        masks: Bool ``(N, H, W)``. Smaller maps take the nearest pixel of it.
    """
    fill = dict(images=0.0, labels=IGNORE, anchors=IGNORE)

    def blanked(name: str, values: Tensor) -> Tensor:
        if name not in fill:
            return values
        return blank(_masks_at(masks, values), values, fill[name])

    return _change(view, blanked)


def repeat_view(view: TeacherView, num: int) -> TeacherView:
    """The first ``num`` images; from the first one again where there are fewer."""
    times = math.ceil(num / len(view))

    def repeated(name: str, values: Tensor) -> Tensor:
        return (torch.cat([values] * times) if times > 1 else values)[:num]

    return _change(view, repeated)


def split_view(view: TeacherView, num: int) -> list[TeacherView]:
    """Cut a view of ``num`` times N images into ``num`` views of N images."""
    parts = {name: values.tensor_split(num) for name, values in _maps_of(view).items()}
    return [
        _replace(view, {name: values[index] for name, values in parts.items()})
        for index in range(num)
    ]


def _change(view: TeacherView, change: Callable[[str, Tensor], Tensor]) -> TeacherView:
    """Replace each map that the view has by ``change(name, map)``."""
    maps = {name: change(name, values) for name, values in _maps_of(view).items()}
    return _replace(view, maps)


def _replace(view: TeacherView, maps: Mapping[str, Any]) -> TeacherView:
    return replace(view, **maps)


def _maps_of(view: TeacherView) -> dict[str, Tensor]:
    maps = {name: getattr(view, name) for name in _MAPS}
    return {name: values for name, values in maps.items() if values is not None}


def _masks_at(masks: Tensor, values: Tensor) -> Tensor:
    """The masks at the height and width of the values."""
    size = values.shape[-2:]
    return masks if masks.shape[-2:] == size else nearest_pixels(masks, size)
