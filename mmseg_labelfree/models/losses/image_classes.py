"""What losses share that ask which classes an image holds."""

import copy
from collections.abc import Sequence
from typing import TypeVar

import torch
from mmseg.utils import SampleList
from torch import Tensor

from ...ops.unlabeled_set_cross_entropy import image_classes

__all__ = ['ImageClassesMixin']

Loss = TypeVar('Loss', bound='ImageClassesMixin')


class ImageClassesMixin:
    """Mixin of losses that ask for the classes of an image, whole or cropped.

    A crop may have lost an object's only point. The transforms that load or simulate
    weak labels therefore note the classes as ``image_classes`` before anything is
    cropped, ``PackSegInputs`` hands them on, and :class:`StripedEncoderDecoder` and its
    subclasses give them to the loss.

    Attributes:
        setting: Name of the argument that is 'image' or 'crop'.
    """

    setting: str
    _images: Sequence[Sequence[int]] | None = None

    def of_samples(self: Loss, data_samples: SampleList) -> Loss:
        """Make the loss of one batch, which knows the classes of its images.

        Args:
            data_samples: N samples; for 'image' with ``image_classes`` in their
                metainfo, a sequence of class indices.

        Raises:
            ValueError: A sample has no ``image_classes``.
        """
        if getattr(self, self.setting) != 'image':
            return self
        for sample in data_samples:
            if 'image_classes' not in sample.metainfo:
                raise ValueError(
                    f'{sample.get("img_path")}: the classes of this image are unknown; '
                    "add 'image_classes' to the meta_keys of PackSegInputs in a "
                    'pipeline that loads or simulates points or scribbles, or set '
                    f"{self.setting}='crop'"
                )
        loss = copy.copy(self)
        loss._images = [sample.image_classes for sample in data_samples]
        return loss

    def classes_of(self, label: Tensor, num_classes: int) -> Tensor:
        """Classes of each image, or with 'crop' of its label map, bool ``(N, C)``.

        Args:
            label: Class indices ``(N, H, W)``, 254 = unlabeled.
            num_classes: C; classes from there on are left out.

        Raises:
            ValueError: The classes of the images are wanted, but nobody gave them.
        """
        if getattr(self, self.setting) == 'crop':
            return image_classes(label, num_classes)
        if self._images is None:
            raise ValueError(
                f"{self.setting}='image' needs the classes of each image, which only "
                'StripedEncoderDecoder and its subclasses give to the loss, and no '
                f"pixel sampler: use one of these, or set {self.setting}='crop'"
            )
        classes = torch.zeros(len(label), num_classes, dtype=torch.bool)
        for row, present in zip(classes, self._images, strict=True):
            row[[k for k in present if k < num_classes]] = True
        return classes.to(label.device, non_blocking=True)
