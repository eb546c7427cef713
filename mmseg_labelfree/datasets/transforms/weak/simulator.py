"""Base class of the transforms that simulate weak labels."""

from abc import abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from ....ops.label_maps import IGNORE, UNLABELED
from .files import labeled_classes, unlabeled_map
from .strokes import Component, components, image_rng


class WeakLabelSimulator(BaseTransform):
    """Base class of the transforms that make weak labels from a full label map.

    They belong right after ``LoadAnnotations``. The result depends on the image's file
    name, its label map and ``seed`` alone: it is the same in every epoch, worker and
    process and on every machine, and no global random state is read or changed.

    Required keys: ``gt_seg_map``, ``img_path``.

    Added keys: ``image_classes``, the classes that are labeled, a tuple of integers
    that later crops leave alone, for ``UnlabeledSetCrossEntropyLoss``.

    Modified keys: ``gt_seg_map``, uint8: 254 where unlabeled, 255 for void if kept.

    Args:
        seed: Seed of the draws. Defaults to 0.
        background: Whether class 0 is labeled as well.
        min_area: Components of fewer pixels get no label, except the largest
            of each class: the loss (MiB, eq. 13) needs every class of the image.
            Defaults to 1: every component is labeled.
        void: What becomes of pixels of label 255. ``'unlabeled'`` makes them
            254 like their surroundings: who sets points or scribbles does not draw
            the void border of VOC, and keeping it would pass on the outline of
            every object. ``'ignore'`` keeps them, for datasets whose 255 stands for
            classes that the model does not have. Defaults to ``'unlabeled'``.

    Raises:
        ValueError: If an argument is outside the ranges above.
    """

    # Whether only the largest component of each class gets a label.
    largest = False

    def __init__(
        self,
        seed: int = 0,
        background: bool = False,
        min_area: int = 1,
        void: str = 'unlabeled',
    ) -> None:
        if seed < 0:
            raise ValueError(f'seed must be at least 0, got {seed}')
        if min_area < 1:
            raise ValueError(f'min_area must be at least 1 pixel, got {min_area}')
        if void not in ('unlabeled', 'ignore'):
            raise ValueError(f"void must be 'unlabeled' or 'ignore', got {void!r}")
        self.seed = seed
        self.background = background
        self.min_area = min_area
        self.void = void

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replace the full label map by a weak one."""
        truth = np.ascontiguousarray(results['gt_seg_map'], np.uint8)
        skip = {UNLABELED, IGNORE} if self.background else {0, UNLABELED, IGNORE}
        found = components(truth, skip, self.min_area, self.largest)
        labels = unlabeled_map(truth.shape)
        rng = image_rng(Path(results['img_path']).stem, self.seed)
        self.draw(labels, found, rng)
        if self.void == 'ignore':
            labels[truth == IGNORE] = IGNORE
        results['gt_seg_map'] = labels
        results['image_classes'] = labeled_classes(labels)
        return results

    @abstractmethod
    def draw(
        self, labels: np.ndarray, found: Iterable[Component], rng: np.random.Generator
    ) -> None:
        """Draw the labels of all components into a map.

        Args:
            labels: uint8 ``(H, W)``, 254 everywhere.
            found: The components to label.
            rng: The generator of this image.
        """

    def __repr__(self) -> str:
        settings = ', '.join(f'{key}={value!r}' for key, value in vars(self).items())
        return f'{type(self).__name__}({settings})'
