"""Base class of the transforms that load points and scribbles."""

import logging
import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log
from mmseg.datasets import PascalVOCDataset

from ....ops.label_maps import IGNORE, INVALID, UNLABELED, loaded_labels
from ....utils.choices import check_names
from .files import Fault, labeled_classes

VOC_CLASSES = PascalVOCDataset.METAINFO['classes']


class WeakAnnotationLoader(BaseTransform):
    """Base class of the transforms that load weak annotations of an image.

    They take the place of ``LoadAnnotations``: after ``LoadImageFromFile``, before
    anything that changes the size. Annotations are found by the image's path without
    suffix, of which as much counts as there is in the annotations: ``ulm/ulm_1`` or
    ``ulm_1``. One annotation belongs to one image. Later crops, flips and resizing
    treat the result as any label map.

    Required keys: ``img_path``; ``ori_shape`` or ``img``; ``reduce_zero_label``,
    ``label_map`` and ``seg_fields`` where the dataset has them.

    Added keys: ``gt_seg_map``, uint8 ``(H, W)``: a class, 254 (unlabeled: some class
    of the image) or 255 (no part of any loss). ``seg_fields`` names it.
    ``image_classes``: the classes in it, a tuple of integers that later crops leave
    alone, for ``UnlabeledSetCrossEntropyLoss``.

    Modified keys: ``reduce_zero_label`` and ``label_map`` become False and None where
    present, since the new labels are final.

    An annotation that cannot be used (outside the image, of an unknown class, not
    readable, none for an image) stops the training by a ValueError, or is skipped for
    ``invalid='skip'``. If an image then lacks a class that it may contain, the set of
    its classes is no longer known, and its unlabeled pixels become 255: the loss (MiB,
    eq. 13) would exclude the true class of some.

    Args:
        source_classes: Names of the classes that annotations may have, in the order of
            their numbers, or how many numbers there are, 0 included: 151 for ADE20K.
            Defaults to the 21 of VOC, background first.
        classes: Classes to keep, by name or number: in the order of their new labels,
            or mapped to them. A class that is left out is not drawn, so that its pixels
            are unlabeled: with a background class they belong to that. Map it to 255 to
            ignore its pixels instead. Defaults to None: all classes under their own
            numbers, which go through the dataset's ``reduce_zero_label`` and
            ``label_map`` as in ``LoadAnnotations``.
        invalid: ``'raise'`` or ``'skip'``. Defaults to ``'raise'``.

    Attributes:
        skipped: Number of skipped annotations of each image that this process loaded; 1
            for an image without any. The log names the first fault of each annotation
            file.
    """

    def __init__(
        self,
        source_classes: Sequence[str] | int = VOC_CLASSES,
        classes: Sequence[str | int] | Mapping[str | int, int] | None = None,
        invalid: str = 'raise',
    ) -> None:
        if invalid not in ('raise', 'skip'):
            raise ValueError(f"invalid must be 'raise' or 'skip', got {invalid!r}")
        if isinstance(source_classes, int):
            self.names, self.num_source = {}, source_classes
        else:
            check_names(source_classes=source_classes)
            self.names = {name: i for i, name in enumerate(source_classes)}
            self.num_source = len(source_classes)
        if not 1 <= self.num_source <= UNLABELED:
            raise ValueError(
                f'source_classes must be 1 to {UNLABELED} classes, got '
                f'{self.num_source}'
            )
        self.table = None if classes is None else self._class_table(classes)
        self.invalid = invalid
        self.skipped: dict[str, int] = {}
        self._logged: set[str] = set()
        self._owners: dict[str, str] = {}

    def _class_table(
        self, classes: Sequence[str | int] | Mapping[str | int, int]
    ) -> np.ndarray:
        """New label of each source class: 254 if left out, -1 beyond the last."""
        table = np.full(256, INVALID, np.int16)
        table[: self.num_source] = UNLABELED
        if not isinstance(classes, Mapping):
            classes = {source: label for label, source in enumerate(classes)}
        for source, label in classes.items():
            number = (
                self.names.get(source, source) if isinstance(source, str) else source
            )
            if isinstance(number, str) or not 0 <= number < self.num_source:
                known = ', '.join(self.names) or f'numbers below {self.num_source}'
                raise ValueError(
                    f'classes: {source!r} is not one of source_classes ({known})'
                )
            if not (0 <= label < UNLABELED or label == IGNORE):
                raise ValueError(
                    f'classes: new label {label} of {source!r} is not 0 to '
                    f'{UNLABELED - 1} or {IGNORE}'
                )
            table[number] = label
        return table

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Draw the annotations of an image into a label map."""
        size = _image_size(results)
        table = self.table
        if table is None:
            table = loaded_labels(
                results.get('reduce_zero_label') or False, results.get('label_map')
            )
            table[self.num_source :] = INVALID
        faults: list[Fault] = []
        image_id = self.image_id(results['img_path'])
        path = self.annotation_path(image_id)
        labels = self.draw(path, image_id, size, table, faults)
        if faults:
            self._handle(path, image_id, faults)
            present = {UNLABELED, *np.unique(labels).tolist()}
            if any(fault.label not in present for fault in faults):
                labels[labels == UNLABELED] = IGNORE
        results['gt_seg_map'] = labels
        results['image_classes'] = labeled_classes(labels)
        results.setdefault('seg_fields', []).append('gt_seg_map')
        if 'reduce_zero_label' in results:
            results['reduce_zero_label'] = False
        if 'label_map' in results:
            results['label_map'] = None
        return results

    def image_id(self, image: str) -> str:
        """Name of an image in the annotations, its file name if it has none there.

        Raises:
            ValueError: The annotation of that name is another image's, too.
        """
        parts = Path(os.path.splitext(os.path.abspath(image))[0]).parts[1:]
        names = ('/'.join(parts[i:]) for i in range(len(parts)))
        name = next(filter(self.has_annotation, names), None)
        if name is None:
            return parts[-1]
        owner = self._owners.setdefault(name, image)
        if os.path.abspath(owner) != os.path.abspath(image):
            raise ValueError(
                f'{self.annotation_path(name)} has one annotation {name!r} for {owner} '
                f'and {image}: name annotations by the paths of the images below their '
                'folder'
            )
        return name

    @abstractmethod
    def has_annotation(self, image_id: str) -> bool:
        """Whether there is an annotation of that name."""

    @abstractmethod
    def annotation_path(self, image_id: str) -> Path:
        """Return the file with the annotations of an image."""

    @abstractmethod
    def draw(
        self,
        path: Path,
        image_id: str,
        size: tuple[int, int],
        table: np.ndarray,
        faults: list[Fault],
    ) -> np.ndarray:
        """Draw the label map of an image.

        Args:
            path: Result of :meth:`annotation_path`.
            image_id: Name of the image.
            size: Height and width.
            table: Label of each class number, ``(256,)``; -1 if there
                is no such class.
            faults: List to which annotations that cannot be used are appended.

        Returns:
            uint8 of the given size, 254 where unlabeled.
        """

    def _handle(self, path: Path, image_id: str, faults: list[Fault]) -> None:
        message = f'{path}, image {image_id}: {faults[0].message}'
        if len(faults) > 1:
            message += f' ({len(faults)} faults in this image)'
        if self.invalid == 'raise':
            raise ValueError(
                f"{message}. Correct the file, or set invalid='skip' to go on without "
                'such annotations.'
            )
        self.skipped[image_id] = len(faults)
        if str(path) not in self._logged:
            self._logged.add(str(path))
            print_log(
                f'Skipped: {message}. Further faults of this file are not logged.',
                'current',
                logging.WARNING,
            )


def _image_size(results: dict[str, Any]) -> tuple[int, int]:
    image = results.get('img')
    size = results.get('ori_shape', None if image is None else image.shape)
    if size is None or (image is not None and image.shape[:2] != tuple(size[:2])):
        raise ValueError(
            f'{results["img_path"]}: put the transform that loads weak annotations '
            'after LoadImageFromFile and before any that changes the size: '
            'annotations are in pixels of the original image'
        )
    return tuple(size[:2])


def no_annotation() -> Fault:
    """Make the fault of an image that has no annotation."""
    return Fault('no annotation of this image')


def wrong_size(found: tuple[int, int], size: tuple[int, int]) -> Fault:
    """Make the fault of annotations for an image of another (height, width)."""
    return Fault(f'made for {by_size(found)} pixels, but the image has {by_size(size)}')


def by_size(size: tuple[int, int]) -> str:
    """Format (height, width) as the text width x height."""
    return f'{size[1]}x{size[0]}'
